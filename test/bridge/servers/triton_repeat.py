"""A decoupled Triton model that answers "x" once for each of its values, with the value and those before it added up."""

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            values = pb_utils.get_input_tensor_by_name(request, "x").as_numpy()
            for total in np.cumsum(values, dtype=values.dtype):
                sender.send(pb_utils.InferenceResponse([pb_utils.Tensor("sum", np.array([total]))]))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
        return None
