"""The MLServer models of the bridge tests: a parameter of the settings says what each does."""

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, Parameters, RequestOutput, ResponseOutput, TensorData


class BridgeModel(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        extra = self.settings.parameters.extra
        tensor = next(each for each in payload.inputs if each.name == extra["input"])
        data = list(tensor.data.root)
        does = extra["does"]
        datatype = tensor.datatype
        if does == "parameters":
            return self.parameters_of(payload, tensor)
        if does == "double":
            data = [2 * value for value in data]
        elif does == "upper":
            data = [(v if isinstance(v, str) else v.decode("utf-8")).upper().encode("utf-8") for v in data]
        elif does == "length":
            data = [float(len(v)) for v in data]
            datatype = "FP32"
        output = ResponseOutput(name=extra["output"], shape=tensor.shape, datatype=datatype, data=TensorData(root=data))
        return InferenceResponse(model_name=self.name, model_version=self.version, id=payload.id, outputs=[output])

    async def predict_stream(self, payloads):
        """Each request as often as it has strings; one that is "fail" fails."""
        async for payload in payloads:
            for word in payload.inputs[0].data.root:
                word = word if isinstance(word, str) else word.decode("utf-8")
                if word == "fail":
                    raise ValueError("the model failed")
                data = TensorData(root=[word.encode("utf-8")])
                output = ResponseOutput(name=self.settings.parameters.extra["output"], shape=[1], datatype="BYTES", data=data)
                yield InferenceResponse(model_name=self.name, model_version=self.version, id=payload.id, outputs=[output])

    def parameters_of(self, payload: InferenceRequest, tensor) -> InferenceResponse:
        """The content types that it was asked with, and one of its own."""
        said = [each.parameters and each.parameters.content_type for each in (payload, tensor, *(payload.outputs or []))]
        data = [str(each).encode("utf-8") for each in said]
        output = ResponseOutput(
            name="x",
            shape=[len(data)],
            datatype="BYTES",
            data=TensorData(root=data),
            parameters=Parameters(content_type="str"),
        )
        return InferenceResponse(model_name=self.name, model_version=self.version, id=payload.id, outputs=[output])
