"""A Triton model that answers each input as the output of its name, and in "asked" what it was asked with, as JSON."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        self.types = {each["name"]: each["data_type"] for each in config["input"]}

    def answer(self, request):
        inputs = {}
        outputs = []
        wanted = list(request.requested_output_names())
        for tensor in request.inputs():
            name = tensor.name()
            inputs[name] = list(tensor.shape())
            if name not in wanted:
                continue
            # NumPy has no bfloat16, DLPack no strings
            if self.types[name] == "TYPE_BF16":
                outputs.append(pb_utils.Tensor.from_dlpack(name, tensor.to_dlpack()))
            else:
                outputs.append(pb_utils.Tensor(name, tensor.as_numpy()))
        said = {"id": request.request_id(), "parameters": json.loads(request.parameters() or "{}"), "inputs": inputs}
        text = json.dumps(said, sort_keys=True).encode("utf-8")
        if "asked" in wanted:
            outputs.append(pb_utils.Tensor("asked", np.array([text], dtype=np.object_)))
        return pb_utils.InferenceResponse(outputs)

    def execute(self, requests):
        responses = []
        for request in requests:
            try:
                responses.append(self.answer(request))
            except Exception as error:
                responses.append(pb_utils.InferenceResponse([], pb_utils.TritonError(str(error))))
        return responses
