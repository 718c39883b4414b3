"""The Triton models of the bridge tests: a parameter of the configuration says what each does with "x" or "input_name"."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.does = config["parameters"]["does"]["string_value"]
        self.input = config["input"][0]["name"]
        self.dtype = config["input"][0]["data_type"]
        self.output = config["output"][0]["name"]

    def run(self, request, tensor):
        if self.does == "sequence":
            return pb_utils.Tensor(self.output, np.array([str(request.correlation_id())], dtype=np.object_))
        if self.does == "identity":
            # NumPy has no bfloat16, DLPack no strings
            if self.dtype == "TYPE_BF16":
                return pb_utils.Tensor.from_dlpack(self.output, tensor.to_dlpack())
            return pb_utils.Tensor(self.output, tensor.as_numpy())
        values = tensor.as_numpy()
        if self.does == "double":
            return pb_utils.Tensor(self.output, values * 2)
        if self.does == "upper":
            upper = [v.decode("utf-8").upper().encode("utf-8") for v in values.flatten()]
            return pb_utils.Tensor(self.output, np.array(upper, dtype=np.object_).reshape(values.shape))
        if self.does == "length":
            return pb_utils.Tensor(self.output, np.array([len(v) for v in values.flatten()], dtype=np.float32))
        raise pb_utils.TritonModelException("there is no " + self.does)

    def execute(self, requests):
        responses = []
        for request in requests:
            tensor = pb_utils.get_input_tensor_by_name(request, self.input)
            try:
                responses.append(pb_utils.InferenceResponse([self.run(request, tensor)]))
            except Exception as error:
                responses.append(pb_utils.InferenceResponse([], pb_utils.TritonError(str(error))))
        return responses
