"""Prints, as JSON, the fields of the messages and enums of the published tensorflow-serving-api and tensorflow packages,
or, with "tritonclient" as argument, of that package.

Each message by its full name: field name -> [number, type, label, type name]; each enum: value name -> number.
"""

import json
import sys

from google.protobuf import descriptor_pb2

if sys.argv[1:] == ["tritonclient"]:
    from tritonclient.grpc import service_pb2

    ROOTS = [service_pb2.DESCRIPTOR]
else:
    from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

    ROOTS = [prediction_service_pb2.DESCRIPTOR, model_service_pb2.DESCRIPTOR]

FIELD = descriptor_pb2.FieldDescriptorProto


def main() -> None:
    files, messages, enums, services = {}, {}, {}, {}

    def walk(file) -> None:
        if file.name in files:
            return
        files[file.name] = True
        for dependency in file.dependencies:
            walk(dependency)
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        for message in proto.message_type:
            message_of(message, proto.package)
        for enum in proto.enum_type:
            enums[f"{proto.package}.{enum.name}"] = {value.name: value.number for value in enum.value}
        for service in proto.service:
            services[f"{proto.package}.{service.name}"] = {
                method.name: [method.input_type.lstrip("."), method.output_type.lstrip(".")] for method in service.method
            }

    def message_of(message, scope: str) -> None:
        name = f"{scope}.{message.name}"
        messages[name] = {
            field.name: [
                field.number,
                FIELD.Type.Name(field.type),
                FIELD.Label.Name(field.label),
                field.type_name.lstrip("."),
            ]
            for field in message.field
        }
        for enum in message.enum_type:
            enums[f"{name}.{enum.name}"] = {value.name: value.number for value in enum.value}
        for nested in message.nested_type:
            message_of(nested, name)

    for root in ROOTS:
        walk(root)
    json.dump({"messages": messages, "enums": enums, "services": services}, sys.stdout)


if __name__ == "__main__":
    main()
