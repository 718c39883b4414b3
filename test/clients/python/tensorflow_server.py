"""A real TensorFlow behind TensorFlow Serving's gRPC API: SavedModels run by the C++ session that TensorFlow Serving uses,
without Python's own checks, and before it TensorFlow Serving's checks in their order and words. Prints where it listens.

    python tensorflow_server.py [--tensor-content]

--tensor-content is --enable_serialization_as_tensor_content: replies have tensor_content in the place of typed values.

my_model and my_matrix double numbers of any rank and of rank 2, my_string makes upper case, my_image gives the mean colours of
encoded images, my_float gives x back, half_plus_two (version 123) is TensorFlow Serving's own test model. The others have version 1.
"""

import argparse
import os
import tempfile
from concurrent import futures

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import grpc
import tensorflow as tf
from tensorflow.python.client import pywrap_tf_session
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

v1 = tf.compat.v1
CODES = {code.value[0]: code for code in grpc.StatusCode}
DEFAULT = "serving_default"
PREDICT, CLASSIFY, REGRESS = ("tensorflow/serving/" + verb for verb in ("predict", "classify", "regress"))
# where TensorFlow Serving cuts what it says
MAX_MESSAGE = 1024


class Refused(Exception):
    """What TensorFlow Serving itself says no with; code as grpc.StatusCode."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def invalid(message):
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, message)


# ---- models: a function of a graph's placeholder each


def doubled(x):
    return x * 2


def mean_colours(encoded):
    def one(each):
        pixels = tf.cast(tf.io.decode_image(each, 3, expand_animations=False), tf.float32)
        return tf.reduce_mean(pixels, axis=[0, 1]) / 255.0

    return tf.map_fn(one, encoded, fn_output_signature=tf.TensorSpec([3], tf.float32))


PLAIN = {
    "my_model": ("input_name", "output_name", tf.TensorSpec(None, tf.float64), doubled),
    "my_matrix": ("input_name", "output_name", tf.TensorSpec([None, None], tf.float64), doubled),
    "my_string": (
        "input_name",
        "output_name",
        tf.TensorSpec(None, tf.string),
        lambda text: tf.strings.upper(text, encoding="utf-8"),
    ),
    "my_image": ("input_name", "output_name", tf.TensorSpec([None], tf.string), mean_colours),
    "my_float": ("x", "x", tf.TensorSpec(None, tf.float32), tf.identity),
}


def save_plain(folder, input_name, output_name, spec, function):
    # the name of a parameter is the name of the input
    model = tf.Module()
    named = tf.TensorSpec(spec.shape, spec.dtype, name=input_name)
    model.serve = tf.function(lambda tensor: {output_name: function(tensor)}, input_signature=[named])
    tf.saved_model.save(model, folder, signatures={DEFAULT: model.serve})


def save_half_plus_two(folder):
    """saved_model_half_plus_two.py's graph, as far as its clients here go: y = x/2 + 2."""
    info = v1.saved_model.utils.build_tensor_info
    with tf.Graph().as_default(), v1.Session() as session:
        half, two = tf.constant(0.5), tf.constant(2.0)
        x = v1.placeholder(tf.float32, [None, 1], name="x")
        y = tf.add(tf.multiply(half, x), two, name="y")
        serialized = v1.placeholder(tf.string, name="tf_example")
        parsed = v1.parse_example(serialized, {"x": tf.io.FixedLenFeature([1], tf.float32)})
        of_example = tf.add(tf.multiply(half, parsed["x"]), two, name="y_of_example")

        def signature(inputs, outputs, method):
            infos = [{name: info(tensor) for name, tensor in each.items()} for each in (inputs, outputs)]
            return v1.saved_model.signature_def_utils.build_signature_def(*infos, method)

        signatures = {
            DEFAULT: signature({"x": x}, {"y": y}, PREDICT),
            "regress_x_to_y": signature({"inputs": serialized}, {"outputs": of_example}, REGRESS),
            "classify_x_to_y": signature({"inputs": serialized}, {"scores": of_example}, CLASSIFY),
        }
        builder = v1.saved_model.Builder(folder)
        builder.add_meta_graph_and_variables(session, ["serve"], signatures)
        builder.save()


class Servable:
    def __init__(self, name, version, save):
        self.name, self.version = name, version
        folder = os.path.join(tempfile.mkdtemp(), str(version))
        save(folder)
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.session = v1.Session(graph=self.graph)
            meta = v1.saved_model.load(self.session, ["serve"], folder)
        self.signatures = meta.signature_def

    def run(self, signature, feeds, names):
        """Feeds and outputs by their names in the signature. @raises tf.errors.OpError"""
        output = lambda info: self.graph.get_tensor_by_name(info.name)._as_tf_output()
        feeds = {output(signature.inputs[name]): value for name, value in feeds.items()}
        fetches = [output(signature.outputs[name]) for name in names]
        with self.graph.as_default():
            return pywrap_tf_session.TF_SessionRun_wrapper(self.session._session, None, feeds, fetches, [], None)

    def spec(self, into, signature):
        into.name, into.signature_name = self.name, signature
        into.version.value = self.version


# ---- tensors as TensorFlow Serving writes them (tensor.AsProtoField, or AsProtoTensorContent)

FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int32: "int_val",
    tf.int64: "int64_val",
    tf.string: "string_val",
}


def written(into, value, info, tensor_content):
    dtype = tf.as_dtype(info.dtype)
    into.dtype = info.dtype
    into.tensor_shape.SetInParent()
    for size in value.shape:
        into.tensor_shape.dim.add(size=size)
    if tensor_content and dtype != tf.string:
        into.tensor_content = value.tobytes()
    else:
        getattr(into, FIELDS[dtype]).extend(value.flatten().tolist())


def tensor(name, proto):
    try:
        return tf.make_ndarray(proto)
    except (ValueError, TypeError):
        raise invalid(f"tensor parsing error: {name}") from None


def names_of(names):
    return "{" + ",".join(sorted(names)) + "}"


class Service:
    """Both services; methods that TensorFlow Serving lacks are UNIMPLEMENTED by the generated base."""

    def __init__(self, tensor_content):
        self.tensor_content = tensor_content
        self.models = {
            name: Servable(name, 1, lambda folder, each=each: save_plain(folder, *each)) for name, each in PLAIN.items()
        }
        self.models["half_plus_two"] = Servable("half_plus_two", 123, save_half_plus_two)

    def resolve(self, request):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        return self.find(request.model_spec)

    def find(self, spec):
        if spec.name == "":
            raise invalid("ModelSpec has no name specified.")
        choice = spec.WhichOneof("version_choice")
        if choice == "version_label":
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        # a version that is present and 0 is a version
        found = self.models.get(spec.name)
        if found is not None and (choice is None or spec.version.value == found.version):
            return found
        asked = f"Latest({spec.name})" if choice is None else f"Specific({spec.name}, {spec.version.value})"
        raise Refused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {asked}")

    def predict(self, request):
        servable = self.resolve(request)
        key = request.model_spec.signature_name or DEFAULT
        if key not in servable.signatures:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{key}" not found.')
        signature = servable.signatures[key]
        wanted, given = set(signature.inputs), set(request.inputs)
        if len(wanted) != len(given):
            raise invalid(
                f"input size does not match signature: {len(given)}!={len(wanted)} len({names_of(given)}) != "
                f"len({names_of(wanted)}). Sent extra: {names_of(given - wanted)}. "
                f"Missing but required: {names_of(wanted - given)}."
            )
        for name in sorted(wanted - given):
            raise invalid(
                f"Signature input alias: {name}(feed name: {signature.inputs[name].name}) not found in request and no default "
                f"value provided. Inputs expected to be in the request {names_of(given)}, or default input alias set: "
            )
        names = list(request.output_filter) or sorted(signature.outputs)
        for at, name in enumerate(names):
            if name not in signature.outputs:
                raise invalid(
                    f"output tensor alias not found in signature: {name} Outputs expected to be in the set "
                    f"{names_of(signature.outputs)}."
                )
            if name in names[:at]:
                raise invalid(f"duplicate output tensor alias: {name}")
        feeds = {name: tensor(name, proto) for name, proto in request.inputs.items()}
        values = servable.run(signature, feeds, names)
        answer = predict_pb2.PredictResponse()
        servable.spec(answer.model_spec, key)
        for name, value in zip(names, values):
            written(answer.outputs[name], value, signature.outputs[name], self.tensor_content)
        return answer

    def examples(self, servable, key, source):
        """What the signature makes of tf.Examples: the values of its first output."""
        if key not in servable.signatures:
            raise invalid(f"No signature was found with the name: {key}")
        serialized = [example.SerializeToString() for example in source.example_list.examples]
        if not serialized:
            raise invalid("Input is empty.")
        signature = servable.signatures[key]
        kind = {REGRESS: ("regression", "outputs"), CLASSIFY: ("classification", "scores")}.get(signature.method_name)
        if kind is None or kind[1] not in signature.outputs:
            raise invalid(f"No regression outputs found in SignatureDef: {key}")
        (values,) = servable.run(signature, {"inputs": tf.make_ndarray(tf.make_tensor_proto(serialized))}, [kind[1]])
        return values

    def classified(self, servable, key, source, into):
        for row in self.examples(servable, key, source):
            classes = into.classifications.add()
            for score in row:
                classes.classes.add(score=score)

    def regressed(self, servable, key, source, into):
        for value in self.examples(servable, key, source).flatten():
            into.regressions.add(value=value)

    def classify(self, request):
        servable, key = self.resolve(request), request.model_spec.signature_name or DEFAULT
        answer = classification_pb2.ClassificationResponse()
        self.classified(servable, key, request.input, answer.result)
        servable.spec(answer.model_spec, key)
        return answer

    def regress(self, request):
        servable, key = self.resolve(request), request.model_spec.signature_name or DEFAULT
        answer = regression_pb2.RegressionResponse()
        self.regressed(servable, key, request.input, answer.result)
        servable.spec(answer.model_spec, key)
        return answer

    def multi_inference(self, request):
        if not request.tasks:
            raise invalid("ModelSpec has no name specified.")
        servable = self.find(request.tasks[0].model_spec)
        answer = inference_pb2.MultiInferenceResponse()
        for task in request.tasks:
            key = task.model_spec.signature_name or DEFAULT
            result = answer.results.add()
            servable.spec(result.model_spec, key)
            if task.method_name == CLASSIFY:
                self.classified(servable, key, request.input, result.classification_result)
            elif task.method_name == REGRESS:
                self.regressed(servable, key, request.input, result.regression_result)
            else:
                raise Refused(
                    grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}"
                )
        return answer

    def metadata(self, request):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        servable = self.find(request.model_spec)
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        servable.spec(answer.model_spec, "")
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, signature in servable.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def status(self, request):
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        spec = request.model_spec
        found = self.models.get(spec.name)
        wanted = spec.version.value if spec.HasField("version") else None
        # also of the empty name: its message ends with a space
        if found is None or (wanted is not None and wanted != found.version):
            what = "any versions" if wanted is None else f"version {wanted}"
            raise Refused(grpc.StatusCode.NOT_FOUND, f"Could not find {what} of model {spec.name}")
        answer = get_model_status_pb2.GetModelStatusResponse()
        answer.model_version_status.add(version=found.version, state="AVAILABLE").status.SetInParent()
        return answer


def answered(method):
    def answer(request, context):
        try:
            return method(request)
        except Refused as refused:
            code, message = refused.code, str(refused)
        except tf.errors.OpError as error:
            code, message = CODES[error.error_code], error.message
        context.abort(code, message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "...TRUNCATED")

    return answer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tensor-content", action="store_true")
    service = Service(parser.parse_args().tensor_content)
    models, prediction = (
        type(f"Served{base.__name__}", (base,), {name: staticmethod(answered(method)) for name, method in methods.items()})()
        for base, methods in (
            (model_service_pb2_grpc.ModelServiceServicer, {"GetModelStatus": service.status}),
            (
                prediction_service_pb2_grpc.PredictionServiceServicer,
                {
                    "Predict": service.predict,
                    "Classify": service.classify,
                    "Regress": service.regress,
                    "MultiInference": service.multi_inference,
                    "GetModelMetadata": service.metadata,
                },
            ),
        )
    )
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=unlimited)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(models, server)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(prediction, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listens at 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


main()
