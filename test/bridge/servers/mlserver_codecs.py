"""MLServer models that decode and encode with MLServer's codecs: "tensors" each input by its content type, "frame" the whole request."""

from mlserver import MLModel
from mlserver.codecs import PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Tensors(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        outputs = []
        for each in payload.inputs:
            decoded = self.decode(each)
            if hasattr(decoded, "dtype"):
                decoded = decoded * 2
            elif all(isinstance(value, str) for value in decoded):
                decoded = [value.upper() for value in decoded]
            outputs.append(self.encode(decoded, each_output(each)))
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)


def each_output(tensor):
    from mlserver.types import RequestOutput

    return RequestOutput(name=tensor.name, parameters=tensor.parameters)


class Frame(MLModel):
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        frame = self.decode_request(payload, default_codec=PandasCodec)
        # the codec knows pandas 2, whose strings are objects
        frame["text"] = frame["text"].astype(object)
        frame["twice"] = frame["number"] * 2
        return PandasCodec.encode_response(self.name, frame, self.version)
