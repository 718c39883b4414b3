"""Measures a model as perf_analyzer does, whose binary wants a newer libc than the tests may have: closed loops, the server's own statistics before and after.

    python measure.py http|grpc MODEL SECONDS ADDRESS...

What to send is what the model's metadata and configuration say. Prints a JSON object for each address.
"""

import json
import sys
import threading
import time

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.http as http
from google.protobuf.json_format import MessageToDict
from tritonclient.utils import triton_to_np_dtype

CONCURRENCY = 3


def plain(value):
    return value if isinstance(value, dict) else MessageToDict(value, preserving_proto_field_name=True)


def counted(client, model):
    (stats,) = plain(client.get_inference_statistics(model))["model_stats"]
    inference = stats["inference_stats"]
    taken = {name: int(inference[name].get("ns", 0)) for name in ("success", "queue", "compute_input", "compute_infer", "compute_output")}
    return {"requests": int(stats.get("execution_count", 0)), "inferences": int(stats.get("inference_count", 0)), "ns": taken}


def main(transport, model, seconds, address):
    of = {"http": http, "grpc": grpc}[transport]
    client = of.InferenceServerClient(address)
    while not client.is_model_ready(model):
        time.sleep(0.1)
    metadata = plain(client.get_model_metadata(model))
    config = plain(client.get_model_config(model))
    config = config.get("config", config)
    batch = int(config.get("max_batch_size", 0))

    def inputs():
        tensors = []
        for tensor in metadata["inputs"]:
            shape = [max(1, int(size)) for size in tensor["shape"]]
            one = of.InferInput(tensor["name"], shape, tensor["datatype"])
            one.set_data_from_numpy(np.ones(shape, triton_to_np_dtype(tensor["datatype"])))
            tensors.append(one)
        return tensors

    latencies, errors = [], []

    def loop(until):
        own = of.InferenceServerClient(address)
        tensors = inputs()
        while time.perf_counter() < until:
            begun = time.perf_counter()
            try:
                own.infer(model, tensors)
            except Exception as error:
                errors.append(str(error))
                return
            latencies.append(time.perf_counter() - begun)
        own.close()

    before = counted(client, model)
    until = time.perf_counter() + float(seconds)
    threads = [threading.Thread(target=loop, args=(until,)) for _ in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = counted(client, model)
    client.close()
    took = {name: after["ns"][name] - ns for name, ns in before["ns"].items()}
    print(
        json.dumps(
            {
                "batch": batch,
                "errors": errors,
                "requests": len(latencies),
                "served": after["inferences"] - before["inferences"],
                "p50us": 1e6 * float(np.percentile(latencies, 50)) if latencies else 0,
                "p99us": 1e6 * float(np.percentile(latencies, 99)) if latencies else 0,
                "serverUs": took["success"] / 1e3 / max(1, len(latencies)),
                "computeUs": took["compute_infer"] / 1e3 / max(1, len(latencies)),
            }
        )
    )


for each in sys.argv[4:]:
    main(*sys.argv[1:4], each)
