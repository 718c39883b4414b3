"""ovmsclient 2023.1 over gRPC or HTTP: runs the operations named on the command line and prints one JSON object.
An operation may name another model, and its input: "image@my_image", "scalar@my_float/x".

    python ovms.py grpc|http HOST:PORT MODEL OPERATION... [--image FILE] [--cert FILE [--client-cert FILE --client-key FILE]]
"""

import argparse
import json

import numpy as np
from ovmsclient import make_grpc_client, make_http_client


def plain(value):
    """NumPy and bytes as JSON can hold them; NaN and infinities by name."""
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.name, "shape": list(value.shape), "values": [plain(v) for v in value.flatten().tolist()]}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and (np.isnan(value) or np.isinf(value)):
        return str(value)
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transport", choices=["grpc", "http"])
    parser.add_argument("url")
    parser.add_argument("model")
    parser.add_argument("operations", nargs="+")
    parser.add_argument("--input", default="input_name")
    parser.add_argument("--image")
    parser.add_argument("--cert")
    parser.add_argument("--client-cert")
    parser.add_argument("--client-key")
    args = parser.parse_args()

    make = make_grpc_client if args.transport == "grpc" else make_http_client
    if args.cert:
        tls = {"server_cert_path": args.cert}
        if args.client_cert:
            tls |= {"client_cert_path": args.client_cert, "client_key_path": args.client_key}
        client = make(args.url, tls_config=tls)
    else:
        client = make(args.url)

    def predict(data, **more):
        return client.predict(inputs={args.input: data}, model_name=args.model, **more)

    def image():
        with open(args.image, "rb") as file:
            return predict(file.read())

    operations = {
        "status": lambda: client.get_model_status(model_name=args.model),
        "status-version": lambda: client.get_model_status(model_name=args.model, model_version=1),
        "metadata": lambda: client.get_model_metadata(model_name=args.model),
        "image": image,
        "numpy": lambda: predict(np.array([float(i) for i in range(1, 1001)])),
        "numpy32": lambda: predict(np.array([[1.1, 2.5]], dtype=np.float32)),
        "floats": lambda: predict(np.array([1.1, 2.5], dtype=np.float32)),
        "nan": lambda: predict(np.array([np.nan, np.inf, -np.inf, 1.5], dtype=np.float32)),
        "scalar": lambda: predict(3.5),
        "list": lambda: predict([1.0, 2.0, 3.0]),
        "half": lambda: predict(np.array([1.5, -2.0], dtype=np.float16)),
        "uint16": lambda: predict(np.array([1, 65535], dtype=np.uint16)),
        "single": lambda: predict(np.array([2.5], dtype=np.float64)),
        "version": lambda: predict(np.array([1.0, 2.0]), model_version=1),
        "string": lambda: predict(["<string>"]),
        "strings": lambda: predict(["one", "zwei", "три"]),
        "strings-2d": lambda: predict([["a", "bc"], ["def", "ghij"]]),
        "bytes": lambda: predict([b"one", b"two"]),
        "unknown-model": lambda: client.get_model_status(model_name="no_such_model"),
        "unknown-input": lambda: client.predict(inputs={"nope": np.array([1.0])}, model_name=args.model),
    }
    results = {}
    first = args.model, args.input
    for name in args.operations:
        operation, _, model = name.partition("@")
        model, _, input = model.partition("/")
        args.model, args.input = model or first[0], input or first[1]
        try:
            results[name] = plain(operations[operation]())
        except Exception as error:  # the client's own error classes are what the test compares
            results[name] = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(results))


main()
