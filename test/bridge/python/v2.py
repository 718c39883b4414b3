"""tritonclient over gRPC or HTTP: runs the operations named on the command line and prints one JSON object.

    python v2.py grpc|http HOST:PORT MODEL OPERATION... [--input NAME] [--output NAME] [--binary in,out] [--image FILE]

An operation "echo:DTYPE" sends a small tensor of that dtype to the model identity_DTYPE and gives back what came.
"""

import argparse
import json

import ml_dtypes
import numpy as np
from tritonclient.utils import InferenceServerException

VALUES = {
    "float": ("FP32", np.array([[1.5, -2.25], [np.inf, 1e-42]], np.float32)),
    "double": ("FP64", np.array([[0.1, -1e300]], np.float64)),
    "half": ("FP16", np.array([[1.5, -0.0]], np.float16)),
    "bfloat16": ("BF16", np.array([[1.5, -2.0]], ml_dtypes.bfloat16)),
    "int8": ("INT8", np.array([[-128, 127]], np.int8)),
    "int16": ("INT16", np.array([[-32768, 32767]], np.int16)),
    "int32": ("INT32", np.array([[-(2**31), 2**31 - 1]], np.int32)),
    "int64": ("INT64", np.array([[-(2**63), 2**63 - 1]], np.int64)),
    "uint8": ("UINT8", np.array([[0, 255]], np.uint8)),
    "uint16": ("UINT16", np.array([[0, 65535]], np.uint16)),
    "uint32": ("UINT32", np.array([[0, 2**32 - 1]], np.uint32)),
    "uint64": ("UINT64", np.array([[0, 2**64 - 1]], np.uint64)),
    "bool": ("BOOL", np.array([[True, False]])),
    "string": ("BYTES", np.array([b"one", b"\x00\xff\n", "три".encode(), b""], np.object_)),
}


def plain(array):
    if array is None:
        return None
    values = [v.decode("latin-1") if isinstance(v, bytes) else str(v) for v in array.flatten().tolist()]
    return {"shape": list(array.shape), "values": values}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["grpc", "http"])
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("operations", nargs="+")
    parser.add_argument("--input", default="input_name")
    parser.add_argument("--output", default="output_name")
    parser.add_argument("--binary", default="in,out")
    parser.add_argument("--image")
    args = parser.parse_args()
    http = args.transport == "http"
    if http:
        import tritonclient.http as triton
    else:
        import tritonclient.grpc as triton
    client = triton.InferenceServerClient(args.url)
    binary_in = "in" in args.binary.split(",")
    binary_out = "out" in args.binary.split(",")

    def tensor(name, datatype, array):
        tensor = triton.InferInput(name, list(array.shape), datatype)
        if http:
            tensor.set_data_from_numpy(array, binary_data=binary_in)
        else:
            tensor.set_data_from_numpy(array)
        return tensor

    def infer(array, datatype, model=args.model, input=args.input, output=args.output, wanted=True, **more):
        outputs = None
        if wanted:
            outputs = [triton.InferRequestedOutput(output, binary_data=binary_out) if http else triton.InferRequestedOutput(output)]
        result = client.infer(model, [tensor(input, datatype, array)], outputs=outputs, **more)
        response = result.get_response() if http else result.get_response(as_json=True)
        return {**plain(result.as_numpy(output)), "id": response.get("id", ""), "version": response.get("model_version", "")}

    def metadata():
        found = client.get_model_metadata(args.model) if http else client.get_model_metadata(args.model, as_json=True)
        return {key: found.get(key) for key in ("name", "versions", "inputs", "outputs")}

    def image():
        with open(args.image, "rb") as file:
            return infer(np.array([file.read()], np.object_), "BYTES")

    def echo(dtype):
        datatype, array = VALUES[dtype]
        back = infer(array, datatype, model=f"identity_{dtype}", input="x", output="x")
        return {"back": {key: back[key] for key in ("shape", "values")}, "sent": plain(array)}

    doubles = np.array([1.0, 2.0, 3.0])
    operations = {
        "live": client.is_server_live,
        "ready": client.is_server_ready,
        "server": lambda: dict(client.get_server_metadata()) if http else client.get_server_metadata(as_json=True),
        "model-ready": lambda: client.is_model_ready(args.model),
        "version-ready": lambda: client.is_model_ready(args.model, "1"),
        "unknown-ready": lambda: client.is_model_ready("no_such_model"),
        "metadata": metadata,
        "unknown-metadata": lambda: client.get_model_metadata("no_such_model"),
        "index": lambda: client.get_model_repository_index() if http else client.get_model_repository_index(as_json=True),
        "numpy": lambda: infer(doubles, "FP64", request_id="request 1"),
        "all-outputs": lambda: infer(doubles, "FP64", wanted=False),
        "version": lambda: infer(doubles, "FP64", model_version="1"),
        "wrong-version": lambda: infer(doubles, "FP64", model_version="77"),
        "parameters": lambda: infer(doubles, "FP64", parameters={"one": 1, "text": "x", "flag": True}),
        "string": lambda: infer(np.array([b"one", "три".encode()], np.object_), "BYTES"),
        "image": image,
        "unknown-model": lambda: infer(doubles, "FP64", model="no_such_model"),
        "unknown-input": lambda: infer(doubles, "FP64", input="nope"),
        "unknown-output": lambda: infer(doubles, "FP64", output="nope"),
        "wrong-dtype": lambda: infer(doubles.astype(np.float32), "FP32"),
    }
    results = {}
    for name in args.operations:
        try:
            results[name] = echo(name[5:]) if name.startswith("echo:") else operations[name]()
        except InferenceServerException as error:
            results[name] = {"error": str(error.status()), "message": error.message()}
    print(json.dumps(results))


main()
