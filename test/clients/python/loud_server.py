"""A server of grpcio whose refusals are too long: Predict answers INVALID_ARGUMENT with a text, and metadata, of so many bytes as
the name of the model says ("text-200000", "metadata-20000"). It has every model. Prints where it listens.

    python loud_server.py
"""

import re
from concurrent import futures

import grpc

# GetModelStatusResponse: version 1 is AVAILABLE
AVAILABLE = bytes.fromhex("0a040801101e")


class Loud(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method.endswith("/GetModelStatus"):
            return grpc.unary_unary_rpc_method_handler(lambda request, context: AVAILABLE)
        if details.method.endswith("/Predict"):
            return grpc.unary_unary_rpc_method_handler(self.refuse)
        return None

    def refuse(self, request, context):
        what, count = re.search(rb"(text|metadata)-(\d+)", request).groups()
        if what == b"metadata":
            context.set_trailing_metadata((("x-much", "m" * int(count)),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no: " + "t" * (int(count) if what == b"text" else 3))


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), handlers=[Loud()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listens at 127.0.0.1:{port}", flush=True)
server.wait_for_termination()
