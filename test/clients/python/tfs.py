"""tensorflow-serving-api with TensorFlow: runs the operations of its client page and prints one JSON object.
An operation may name another model: "image@my_image".

    python tfs.py HOST:PORT MODEL OPERATION... [--image FILE]

Without arguments it reads lists of them, one JSON text a line, and answers each with a line: TensorFlow takes seconds to begin.
"""

import argparse
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import grpc
import numpy as np
from tensorflow import make_ndarray, make_tensor_proto
from tensorflow.core.framework.types_pb2 import DataType
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus


def plain(value):
    if isinstance(value, np.ndarray):
        return {"dtype": value.dtype.name, "shape": list(value.shape), "values": [plain(v) for v in value.flatten().tolist()]}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def answers(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("model")
    parser.add_argument("operations", nargs="+")
    parser.add_argument("--image")
    args = parser.parse_args(arguments)
    channel = grpc.insecure_channel(args.target)
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def status(model=None, version=None):
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model or args.model
        if version is not None:
            request.model_spec.version.value = version
        answer = models.GetModelStatus(request, 10.0)
        return {
            version.version: {
                "state": ModelVersionStatus.State.Name(version.state),
                "error_code": version.status.error_code,
                "error_message": version.status.error_message,
            }
            for version in answer.model_version_status
        }

    def metadata():
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        request.model_spec.name = args.model
        request.metadata_field.append("signature_def")
        answer = prediction.GetModelMetadata(request, 10.0)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        signatures.ParseFromString(answer.metadata["signature_def"].value)
        signature = signatures.signature_def["serving_default"]

        def tensors(infos):
            return {
                name: {"shape": [d.size for d in info.tensor_shape.dim], "dtype": DataType.Name(info.dtype)}
                for name, info in infos.items()
            }

        return {
            "model_version": answer.model_spec.version.value,
            "inputs": tensors(signature.inputs),
            "outputs": tensors(signature.outputs),
        }

    def predict(data):
        request = predict_pb2.PredictRequest()
        request.model_spec.name = args.model
        request.inputs["input_name"].CopyFrom(make_tensor_proto(data))
        answer = prediction.Predict(request, 10.0)
        return plain(make_ndarray(answer.outputs["output_name"]))

    def image():
        with open(args.image, "rb") as file:
            return predict(file.read())

    def examples(request):
        request.model_spec.name = "half_plus_two"
        for value in (1.0, 2.0, 5.0):
            example = request.input.example_list.examples.add()
            example.features.feature["x"].float_list.value.append(value)
        return request

    def classify():
        request = examples(classification_pb2.ClassificationRequest())
        request.model_spec.signature_name = "classify_x_to_y"
        answer = prediction.Classify(request, 10.0)
        return [[[c.label, c.score] for c in row.classes] for row in answer.result.classifications]

    def regress():
        request = examples(regression_pb2.RegressionRequest())
        request.model_spec.signature_name = "regress_x_to_y"
        answer = prediction.Regress(request, 10.0)
        return [row.value for row in answer.result.regressions]

    def multi():
        request = inference_pb2.MultiInferenceRequest()
        for signature, method in (
            ("regress_x_to_y", "tensorflow/serving/regress"),
            ("classify_x_to_y", "tensorflow/serving/classify"),
        ):
            task = request.tasks.add()
            task.model_spec.name = "half_plus_two"
            task.model_spec.signature_name = signature
            task.method_name = method
        for value in (1.0, 2.0, 5.0):
            example = request.input.example_list.examples.add()
            example.features.feature["x"].float_list.value.append(value)
        answer = prediction.MultiInference(request, 10.0)
        return [result.WhichOneof("result") for result in answer.results]

    operations = {
        "status": status,
        "unknown-model": lambda: status(model="no_such_model"),
        "wrong-version": lambda: status(version=77),
        "metadata": metadata,
        "image": image,
        "numpy": lambda: predict(np.array([float(i) for i in range(1, 1001)])),
        "string": lambda: predict(["<string>"]),
        "single": lambda: predict(np.array([2.5])),
        "classify": classify,
        "regress": regress,
        "multi": multi,
    }
    results = {}
    first = args.model
    for name in args.operations:
        operation, _, model = name.partition("@")
        args.model = model or first
        try:
            results[name] = operations[operation]()
        except grpc.RpcError as error:
            results[name] = {"error": error.code().name, "message": error.details()}
    channel.close()
    return results


if sys.argv[1:]:
    print(json.dumps(answers(sys.argv[1:])))
else:
    for line in sys.stdin:
        print(json.dumps(answers(json.loads(line))), flush=True)
