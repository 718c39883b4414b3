"""What protobuf and TensorFlow read in messages: for each line "Kind hex" on standard input one line of JSON.

null: the message is refused. "odd": protobuf's implementations disagree: of a map entry with a field that it should not have,
upb forgets all, and the others the field. With "tritonclient" as argument the messages of KServe V2, else those of TensorFlow Serving.
"""

import json
import struct
import sys

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet



def is_odd(message):
    maps = [
        field.number
        for field in message.DESCRIPTOR.fields
        if field.message_type is not None and field.message_type.GetOptions().map_entry
    ]
    if any(field.field_number in maps and field.wire_type == 2 for field in UnknownFieldSet(message)):
        return True
    for field, value in message.ListFields():
        if field.message_type is None or field.number in maps:
            continue
        if any(is_odd(each) for each in (value if field.is_repeated else [value])):
            return True
    return False


def spec_of(spec):
    choice = spec.WhichOneof("version_choice")
    return [
        spec.name,
        str(spec.version.value) if choice == "version" else None,
        spec.version_label if choice == "version_label" else None,
        spec.signature_name,
    ]


def tensorflow_kinds():
    import tensorflow as tf
    from tensorflow_serving.apis import (
        classification_pb2,
        get_model_metadata_pb2,
        get_model_status_pb2,
        inference_pb2,
        predict_pb2,
        regression_pb2,
    )

    known = {}

    def tensor(proto):
        serialized = proto.SerializeToString(deterministic=True)
        if serialized not in known:
            known[serialized] = read_tensor(proto, serialized)
        return known[serialized]

    def read_tensor(proto, serialized):
        """[dtype, shape, bytes] as TensorFlow's own C++ makes them, or null."""
        try:
            value = tf.io.parse_tensor(serialized, tf.as_dtype(proto.dtype)).numpy()
        except Exception:  # whatever TensorFlow says: it does not take it
            return None
        if getattr(value, "nbytes", 0) > 2**16:
            return None  # a byte of a dimension was spoilt: not worth its megabytes of digits
        if proto.dtype == 7:
            flat = [value] if isinstance(value, bytes) else value.reshape(-1).tolist()
            shape = [] if isinstance(value, bytes) else list(value.shape)
            return [proto.dtype, shape, [each.hex() for each in flat]]
        return [proto.dtype, list(value.shape), value.tobytes().hex()]

    def predict(message):
        return {
            "spec": spec_of(message.model_spec),
            "inputs": {name: tensor(proto) for name, proto in sorted(message.inputs.items())},
            "filter": list(message.output_filter),
        }

    def named(message):
        return {"spec": spec_of(message.model_spec)}

    def tasks(message):
        return {"tasks": [spec_of(task.model_spec) for task in message.tasks]}

    return {
        "PredictRequest": (predict_pb2.PredictRequest, predict),
        "ClassificationRequest": (classification_pb2.ClassificationRequest, named),
        "RegressionRequest": (regression_pb2.RegressionRequest, named),
        "GetModelMetadataRequest": (get_model_metadata_pb2.GetModelMetadataRequest, named),
        "GetModelStatusRequest": (get_model_status_pb2.GetModelStatusRequest, named),
        "MultiInferenceRequest": (inference_pb2.MultiInferenceRequest, tasks),
    }


FORMATS = {"FP32": ("fp32", "f"), "INT64": ("int64", "q"), "UINT64": ("uint64", "Q"), "UINT32": ("uint", "I")}
FORMATS |= {"BOOL": ("bool", "B"), "UINT8": ("uint", "B")}


def triton_kinds():
    from tritonclient.grpc import service_pb2

    def parameters(found):
        said = {}
        for name, parameter in sorted(found.items()):
            choice = parameter.WhichOneof("parameter_choice")
            if choice is not None:
                said[name] = [choice, str(getattr(parameter, choice))]
        return said

    def contents(tensor):
        """The values that stand in the message itself, as raw bytes."""
        if tensor.datatype == "BYTES":
            return b"".join(struct.pack("<I", len(each)) + each for each in tensor.contents.bytes_contents).hex()
        field, code = FORMATS.get(tensor.datatype, (None, None))
        if field is None:
            return None
        mask = {"B": 0xFF, "I": 0xFFFFFFFF}.get(code)
        values = getattr(tensor.contents, field + "_contents")
        return b"".join(struct.pack("<" + code, each & mask if mask else each) for each in values).hex()

    def infer(message):
        return {
            "model": [message.model_name, message.model_version],
            "id": message.id,
            "parameters": parameters(message.parameters),
            "inputs": [
                [each.name, each.datatype, list(each.shape), parameters(each.parameters), contents(each)]
                for each in message.inputs
            ],
            "outputs": [[each.name, parameters(each.parameters)] for each in message.outputs],
            "raw": [each.hex() for each in message.raw_input_contents],
        }

    def named(message):
        return {"model": [message.name, message.version]}

    return {
        "ModelInferRequest": (service_pb2.ModelInferRequest, infer),
        "ModelReadyRequest": (service_pb2.ModelReadyRequest, named),
    }


def main():
    kinds = triton_kinds() if sys.argv[1:] == ["tritonclient"] else tensorflow_kinds()
    for line in sys.stdin:
        kind, _, digits = line.rstrip("\n").partition(" ")
        make, read = kinds[kind]
        message = make()
        try:
            message.ParseFromString(bytes.fromhex(digits))
        except DecodeError:
            print("null")
        else:
            print('{"odd": true}' if is_odd(message) else json.dumps(read(message)))


if __name__ == "__main__":
    main()
