"""An MLServer model that answers each input as the output of its name, and in "asked" what it was asked with, as JSON."""

import json

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, Parameters, ResponseOutput, TensorData


def own(parameters) -> dict:
    """Without what the server itself adds."""
    given = {} if parameters is None else parameters.model_dump(exclude_none=True)
    return {name: value for name, value in given.items() if name != "headers"}


class EchoModel(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        wanted = [each.name for each in payload.outputs or []]
        outputs = [
            ResponseOutput(
                name=each.name,
                shape=each.shape,
                datatype=each.datatype,
                data=each.data,
                parameters=Parameters(**own(each.parameters)) if own(each.parameters) else None,
            )
            for each in payload.inputs
            if not wanted or each.name in wanted
        ]
        if not wanted or "asked" in wanted:
            said = {
                "parameters": own(payload.parameters),
                "inputs": {each.name: [list(each.shape), own(each.parameters)] for each in payload.inputs},
                "outputs": {each.name: own(each.parameters) for each in payload.outputs or []},
            }
            text = json.dumps(said, sort_keys=True).encode("utf-8")
            data = TensorData(root=[text])
            outputs.append(ResponseOutput(name="asked", shape=[1], datatype="BYTES", data=data))
        parameters = own(payload.parameters)
        return InferenceResponse(
            model_name=self.name,
            model_version=self.version,
            id=payload.id,
            parameters=Parameters(**parameters) if parameters else None,
            outputs=outputs,
        )
