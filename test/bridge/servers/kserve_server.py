"""KServe's own server with two models: my_model doubles input_name into output_name; both doubles in V1 too and explains it, and fails without an id in V2.

    python kserve_server.py --http_port N --grpc_port N
"""

import argparse

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server


class Double(Model):
    def __init__(self):
        super().__init__("my_model")
        self.ready = True

    async def predict(self, payload: InferRequest, headers=None, response_headers=None) -> InferResponse:
        (tensor,) = payload.inputs
        values = tensor.as_numpy() * 2
        output = InferOutput(name="output_name", shape=list(values.shape), datatype=tensor.datatype)
        output.set_data_from_numpy(values, binary_data=False)
        return InferResponse(response_id=payload.id or "none", model_name=self.name, infer_outputs=[output])


class Both(Model):
    def __init__(self):
        super().__init__("both")
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        if isinstance(payload, dict):
            doubled = [2 * value for value in payload["instances"]]
            return {"predictions": doubled, "kept": payload.get("extra")}
        (tensor,) = payload.inputs
        values = tensor.as_numpy() * 2
        output = InferOutput(name="output_name", shape=list(values.shape), datatype=tensor.datatype)
        output.set_data_from_numpy(values, binary_data=False)
        return InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=[output])

    async def explain(self, payload, headers=None):
        return {"explanations": ["twice" for _ in payload["instances"]]}


if __name__ == "__main__":
    args, _ = argparse.ArgumentParser(parents=[model_server.parser]).parse_known_args()
    ModelServer(workers=1).start([Double(), Both()])
