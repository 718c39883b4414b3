"""MLServer's codecs on the client's side: what each encodes, its server decodes and encodes, and it decodes again, over HTTP and gRPC.

    python mlserver_codecs.py http|grpc ADDRESS...

Asks the models "tensors" and "frame" at each address, and prints a JSON object for each.
"""

import json
import sys
import urllib.request
from datetime import datetime, timezone

import grpc
import numpy as np
import pandas as pd
from mlserver.codecs import (
    Base64Codec,
    DatetimeCodec,
    NumpyCodec,
    NumpyRequestCodec,
    PandasCodec,
    StringCodec,
    StringRequestCodec,
)
from mlserver.grpc.converters import ModelInferRequestConverter, ModelInferResponseConverter
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.types import InferenceRequest, InferenceResponse


def over_http(address):
    def ask(model, request):
        body = request.model_dump_json(exclude_none=True).encode()
        headers = {"content-type": "application/json"}
        asked = urllib.request.Request(f"http://{address}/v2/models/{model}/infer", body, headers)
        with urllib.request.urlopen(asked) as answer:
            return InferenceResponse.model_validate_json(answer.read())

    return ask


def over_grpc(address):
    stub = GRPCInferenceServiceStub(grpc.insecure_channel(address))

    def ask(model, request):
        message = ModelInferRequestConverter.from_types(request, model_name=model)
        return ModelInferResponseConverter.to_types(stub.ModelInfer(message))

    return ask


def said(response):
    """What the answer says beside its values."""
    parameters = response.parameters and response.parameters.content_type
    tensors = [
        [each.name, str(each.datatype), each.shape, each.parameters and each.parameters.content_type]
        for each in response.outputs
    ]
    return {"parameters": parameters, "tensors": tensors, "version": response.model_version}


def main(transport, address):
    ask = {"http": over_http, "grpc": over_grpc}[transport](address)
    results = {}
    when = datetime(2026, 11, 30, 12, 30, 15, 250000, tzinfo=timezone.utc)
    inputs = {
        "np": NumpyCodec.encode_input("x", np.array([[1.5, -2.0], [0.1, 4.0]])),
        "np int": NumpyCodec.encode_input("x", np.array([2**60, -3], dtype=np.int64)),
        "np float32": NumpyCodec.encode_input("x", np.array([0.1, 1e-30], dtype=np.float32)),
        "str": StringCodec.encode_input("x", ["one", "три", ""]),
        "str text": StringCodec.encode_input("x", ["one", "три"], use_bytes=False),
        "base64": Base64Codec.encode_input("x", [b"one", bytes(range(256))]),
        "base64 text": Base64Codec.encode_input("x", [b"one"], use_bytes=False),
        "datetime": DatetimeCodec.encode_input("x", [when, "2026-01-02T03:04:05"]),
        "datetime text": DatetimeCodec.encode_input("x", [when], use_bytes=False),
    }
    if transport == "grpc":  # whose messages have bytes alone
        inputs = {name: each for name, each in inputs.items() if not name.endswith(" text")}
    codecs = {"np": NumpyCodec, "str": StringCodec, "base64": Base64Codec, "datetime": DatetimeCodec}
    for name, tensor in inputs.items():
        response = ask("tensors", InferenceRequest(inputs=[tensor]))
        (output,) = response.outputs
        decoded = codecs[tensor.parameters.content_type].decode_output(output)
        values = decoded.tolist() if hasattr(decoded, "tolist") else [str(each) for each in decoded]
        results[name] = {"values": values, **said(response)}
    for name, request, codec in (
        ("np request", NumpyRequestCodec.encode_request(np.array([1, 2, 3])), NumpyRequestCodec),
        ("str request", StringRequestCodec.encode_request(["one", "zwei"]), StringRequestCodec),
    ):
        response = ask("tensors", request)
        results[name] = {"values": [str(each) for each in codec.decode_response(response)], **said(response)}
    # several inputs at once, each of another content type
    response = ask("tensors", InferenceRequest(inputs=[
        each.model_copy(update={"name": name}) for name, each in inputs.items() if " " not in name
    ]))
    results["all"] = said(response)
    frame = pd.DataFrame({"number": [1.5, 2.5], "text": pd.Series(["a", "é"], dtype=object), "count": [1, 2]})
    for name, text in (("pd", True), *([("pd text", False)] if transport == "http" else [])):
        response = ask("frame", PandasCodec.encode_request(frame, use_bytes=text))
        results[name] = {"values": PandasCodec.decode_response(response).to_dict("list"), **said(response)}
    print(json.dumps(results, default=bytes.decode))


for each in sys.argv[2:]:
    main(sys.argv[1], each)
