"""tritonclient's other faces: asyncio over HTTP and gRPC, and what the plain ones have beside infer(): futures, callbacks, streams, Triton's extensions.

    python v2_aio.py http|grpc ADDRESS...

Asks the models "batched" (doubles input_name) and "decoupled" at each address, and prints a JSON object for each.
"""

import asyncio
import json
import queue
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http as http
import tritonclient.http.aio as http_aio
from google.protobuf.json_format import MessageToDict
from tritonclient.utils import InferenceServerException

ROWS = np.array([[1.0, 2.5, -3.0]])
STEPS = np.array([1, 2, 3], dtype=np.int32)


def error(raised):
    return {"error": str(raised.status())}


def plain(value):
    if hasattr(value, "DESCRIPTOR"):
        return MessageToDict(value, preserving_proto_field_name=True)
    return value


async def told(question):
    try:
        answer = question()
        return plain(await answer if asyncio.iscoroutine(answer) else answer)
    except InferenceServerException as raised:
        return error(raised)


def inputs(of, name="input_name", datatype="FP64", values=ROWS):
    tensor = of.InferInput(name, list(values.shape), datatype)
    tensor.set_data_from_numpy(values)
    return [tensor]


def output(result):
    return result.as_numpy("output_name").tolist()


async def about(client):
    """What asyncio and plain clients ask by the same names."""
    questions = {
        "live": client.is_server_live,
        "ready": client.is_server_ready,
        "model ready": lambda: client.is_model_ready("batched"),
        "version ready": lambda: client.is_model_ready("batched", "1"),
        "nobody ready": lambda: client.is_model_ready("nobody"),
        "metadata": lambda: client.get_model_metadata("batched"),
        "nobody metadata": lambda: client.get_model_metadata("nobody"),
        "config": lambda: client.get_model_config("batched"),
        "version config": lambda: client.get_model_config("batched", "1"),
        "nobody config": lambda: client.get_model_config("nobody"),
        "index": client.get_model_repository_index,
    }
    return {name: await told(question) for name, question in questions.items()}


async def statistics(client):
    """Their counts change; what there is stays."""
    found = await told(lambda: client.get_inference_statistics("batched"))
    (model,) = found.get("model_stats", [{}])
    return [model.get("name"), model.get("version"), sorted(model.get("inference_stats", {}))]


async def asynchronous(of, aio, address):
    client = aio.InferenceServerClient(address)
    try:
        results = await about(client)
        results["statistics"] = await statistics(client)
        answers = await asyncio.gather(*(client.infer("batched", inputs(of), request_id=str(i)) for i in range(4)))
        results["infer"] = [output(each) for each in answers]
        compressed = {} if of is grpc else {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
        if of is grpc:
            compressed = {"compression_algorithm": "gzip"}
        results["compressed"] = output(await client.infer("batched", inputs(of), **compressed))
        results["parameters"] = output(await client.infer("batched", inputs(of), parameters={"one": 1, "text": "x", "flag": True}))
        results["nobody"] = await told(lambda: client.infer("nobody", inputs(of)))
        if of is grpc:
            async def requests():
                for i in range(2):
                    yield {"model_name": "decoupled", "inputs": inputs(of, "x", "INT32", STEPS), "request_id": str(i)}

            sums = []
            async for result, raised in client.stream_infer(requests()):
                sums.append(error(raised) if raised else result.as_numpy("sum").tolist())
            results["stream"] = sums
        return results
    finally:
        await client.close()


async def synchronous(of, address):
    client = of.InferenceServerClient(address)
    results = await about(client)
    results["statistics"] = await statistics(client)
    if of is http:
        pending = [client.async_infer("batched", inputs(of)) for _ in range(3)]
        results["async"] = [output(each.get_result()) for each in pending]
        body, length = client.generate_request_body(inputs(of))
        results["body"] = length is not None and len(body) > length
    else:
        answered = queue.Queue()
        for _ in range(3):
            client.async_infer("batched", inputs(of), lambda result, error: answered.put((result, error)))
        results["async"] = [output(answered.get(timeout=20)[0]) for _ in range(3)]
        client.start_stream(lambda result, error: answered.put((result, error)))
        client.async_stream_infer("decoupled", inputs(of, "x", "INT32", STEPS), enable_empty_final_response=True)
        sums = []
        while True:
            result, raised = answered.get(timeout=20)
            if raised:
                sums.append(error(raised))
                break
            if result.get_response().parameters["triton_final_response"].bool_param:
                break
            sums.append(result.as_numpy("sum").tolist())
        client.stop_stream()
        results["stream"] = sums
    client.close()
    return results


async def main(transport, address):
    of, aio = {"http": (http, http_aio), "grpc": (grpc, grpc_aio)}[transport]
    print(json.dumps({"plain": await synchronous(of, address), "asyncio": await asynchronous(of, aio, address)}))


for each in sys.argv[2:]:
    asyncio.run(main(sys.argv[1], each))
