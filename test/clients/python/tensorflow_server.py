"""A real TensorFlow behind TensorFlow Serving's gRPC API: a SavedModel run by the C++ session that TensorFlow Serving uses,
without Python's own checks of shapes. Serves my_model: encoded PNGs in a list to their mean colours. Prints where it listens.

    python tensorflow_server.py
"""

import os
import tempfile
from concurrent import futures

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import grpc
import tensorflow as tf
from tensorflow.python.client import pywrap_tf_session
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

NAME, VERSION = "my_model", 1


class Mean(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="input_name")])
    def serve(self, input_name):
        def one(encoded):
            pixels = tf.cast(tf.io.decode_image(encoded, 3, expand_animations=False), tf.float32)
            return tf.reduce_mean(pixels, axis=[0, 1]) / 255.0

        return {"output_name": tf.map_fn(one, input_name, fn_output_signature=tf.TensorSpec([3], tf.float32))}


class Server:
    def __init__(self):
        folder = tempfile.mkdtemp()
        model = Mean()
        tf.saved_model.save(model, folder, signatures={"serving_default": model.serve})
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.session = tf.compat.v1.Session(graph=self.graph)
            meta = tf.compat.v1.saved_model.load(self.session, ["serve"], folder)
        self.signatures = meta.signature_def

    def Predict(self, request, context):
        signature = self.signatures["serving_default"]
        output = lambda info: self.graph.get_tensor_by_name(info.name)._as_tf_output()
        names = sorted(signature.outputs)
        feeds = {output(signature.inputs[name]): tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        fetches = [output(signature.outputs[name]) for name in names]
        try:
            with self.graph.as_default():
                values = pywrap_tf_session.TF_SessionRun_wrapper(self.session._session, None, feeds, fetches, [], None)
        except tf.errors.OpError as error:
            context.abort(next(code for code in grpc.StatusCode if code.value[0] == error.error_code), error.message)
        answer = predict_pb2.PredictResponse()
        answer.model_spec.name = NAME
        answer.model_spec.version.value = VERSION
        answer.model_spec.signature_name = "serving_default"
        for name, value in zip(names, values):
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return answer

    def GetModelMetadata(self, request, context):
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = NAME
        answer.model_spec.version.value = VERSION
        signatures = get_model_metadata_pb2.SignatureDefMap()
        signatures.signature_def["serving_default"].CopyFrom(self.signatures["serving_default"])
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def GetModelStatus(self, request, context):
        if request.model_spec.name != NAME:
            context.abort(
                grpc.StatusCode.NOT_FOUND, f"Could not find any versions of model {request.model_spec.name}"
            )
        answer = get_model_status_pb2.GetModelStatusResponse()
        answer.model_version_status.add(version=VERSION, state="AVAILABLE")
        return answer

    # what grpc's generated base classes would have; nothing here uses them
    def __getattr__(self, name):
        def unimplemented(request, context):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{name} is not served here")

        return unimplemented


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    service = Server()
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listens at 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


main()
