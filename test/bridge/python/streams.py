"""tritonclient's streams, sync and aio, with the decoupled model of triton_decoupled.py: prints what came of each operation as one JSON object.

    python streams.py sync|aio HOST:PORT FOLDER OPERATION...

FOLDER is empty and the model sees it: gates and marks of the requests are there. The operation "killed" prints "begun" after its first answer, and
waits for its end.
"""

import asyncio
import json
import os
import queue
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as aio
from grpc import RpcError

FOLDER = sys.argv[3]


def place(name):
    folder = os.path.join(FOLDER, f"{sys.argv[1]}-{name}")
    os.makedirs(folder, exist_ok=True)
    return folder


def open_gate(gate, *names):
    for name in names:
        open(os.path.join(gate, name), "w").close()


def request(script, id, library=grpc, name="x", **more):
    tensor = library.InferInput(name, [1], "BYTES")
    tensor.set_data_from_numpy(np.array([json.dumps(script)], np.object_))
    return {"model_name": "decoupled", "inputs": [tensor], "request_id": id, **more}


def told(result, error):
    if error is not None:
        # the words of an end without an answer are gRPC's own, and differ from run to run
        return ["error", str(error.status())] if error.status() else ["error", error.message()]
    response = result.get_response()
    outputs = result.as_numpy("x")
    final = response.parameters["triton_final_response"].bool_param if "triton_final_response" in response.parameters else None
    return [response.id, None if outputs is None else outputs[0].decode(), final]


GATED = {
    # what has come of the first request before the gate opens: the second's answers
    "order": lambda gate: [request({"say": ["a", "b"], "gate": gate}, "1"), request({"say": ["c", "d"]}, "2")],
}
PLAIN = {
    "plain": lambda: [request({"say": ["a", "b"]}, "1")],
    "none": lambda: [request({"say": []}, "1")],
    "final": lambda: [request({"say": ["a", "b"]}, "1", enable_empty_final_response=True)],
    "final-none": lambda: [request({"say": []}, "1", enable_empty_final_response=True)],
    "final-with": lambda: [request({"say": ["a", "b"], "final": True}, "1", enable_empty_final_response=True)],
    "error": lambda: [request({"say": ["a", "b"], "error": "no such word"}, "1", enable_empty_final_response=True)],
    "one-answer": lambda: [
        request("a", "1", model_name="identity_string"),
        request("b", "2", model_name="identity_string", name="nope"),
        request("c", "3", model_name="identity_string", enable_empty_final_response=True),
    ],
    "unknown-input": lambda: [request({"say": ["a"]}, "1", name="nope")],
}


class Sync:
    """One stream of the synchronous client."""

    def __init__(self, **more):
        self.client = grpc.InferenceServerClient(sys.argv[2])
        self.came = queue.Queue()
        self.client.start_stream(callback=lambda result, error: self.came.put(told(result, error)), **more)

    def send(self, requests):
        for each in requests:
            self.client.async_stream_infer(**each)

    def next(self, count=1):
        return [self.came.get(timeout=20) for _ in range(count)]

    def rest(self):
        self.client.stop_stream()
        return [self.came.get() for _ in range(self.came.qsize())]

    def left(self):
        return [self.came.get() for _ in range(self.came.qsize())]


def run_sync(operation):
    if operation in PLAIN:
        stream = Sync()
        stream.send(PLAIN[operation]())
        return stream.rest()
    gate = place(operation)
    mark = os.path.join(gate, "mark")
    if operation == "order":
        stream = Sync()
        stream.send(GATED["order"](gate))
        first = stream.next(2)
        open_gate(gate, "0", "1", "end")
        return first + stream.rest()
    script = {"say": ["a", "b"], "gate": gate, "mark": mark}
    open_gate(gate, "0")
    if operation == "timeout":
        stream = Sync(stream_timeout=1.5)
        stream.send([request(script, "1")])
        return stream.next(2)
    stream = Sync()
    stream.send([request(script, "1")])
    came = stream.next()
    if operation == "cancel":
        stream.client.stop_stream(cancel_requests=True)
        return came + stream.left()
    if operation == "killed":
        print("begun", flush=True)
        return came + stream.next()
    raise ValueError(operation)


async def run_aio(operation):
    client = aio.InferenceServerClient(sys.argv[2])
    more = {"stream_timeout": 1.5} if operation == "timeout" else {}
    gate = place(operation) if operation not in PLAIN else ""
    script = {"say": ["a", "b"], "gate": gate, "mark": os.path.join(gate, "mark")}
    if operation in PLAIN:
        requests = PLAIN[operation]()
    elif operation == "order":
        requests = GATED["order"](gate)
    else:
        open_gate(gate, "0")
        requests = [request(script, "1")]

    async def each():
        for one in requests:
            yield one

    stream = client.stream_infer(each(), **more)
    came = []
    try:
        async for result, error in stream:
            came.append(told(result, error))
            if operation == "order" and len(came) == 2:
                open_gate(gate, "0", "1", "end")
            if operation == "cancel":
                stream.cancel()
            if operation == "killed":
                print("begun", flush=True)
    except asyncio.CancelledError:
        came.append(["cancelled"])
    except RpcError as error:
        came.append(["error", str(error.code())])
    await client.close()
    return came


results = {}
for operation in sys.argv[4:]:
    results[operation] = run_sync(operation) if sys.argv[1] == "sync" else asyncio.run(run_aio(operation))
print(json.dumps(results))
