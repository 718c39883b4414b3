"""PyTriton's clients, as they are: every kind and every operation of each, over HTTP and gRPC.

    python pytriton_clients.py http|grpc ADDRESS...

Asks the models "batched" (doubles input_name, in batches), "my_model" (without batches) and "decoupled" at each address, and prints a JSON object for each.
"""

import asyncio
import json
import sys
import warnings

import numpy as np
from pytriton.client import (
    AsyncioDecoupledModelClient,
    AsyncioModelClient,
    DecoupledModelClient,
    FuturesModelClient,
    ModelClient,
)

warnings.simplefilter("ignore")
SAMPLE = np.array([1.0, 2.5, -3.0])
BATCH = np.array([[1.0, 2.0], [3.0, 4.0]])
STEPS = np.array([1, 2, 3], dtype=np.int32)


def plain(result):
    return {name: np.asarray(value).tolist() for name, value in result.items()}


def config(found):
    return {
        "name": found.model_name,
        "batch": found.max_batch_size,
        "decoupled": found.decoupled,
        "inputs": [[each.name, np.dtype(each.dtype).name, list(each.shape)] for each in found.inputs],
        "outputs": [[each.name, np.dtype(each.dtype).name, list(each.shape)] for each in found.outputs],
    }


def told(question):
    try:
        return question()
    except Exception as error:  # what it raises is what is asked
        return {"raised": type(error).__name__}


def synchronous(url):
    results = {}
    with ModelClient(url, "batched", init_timeout_s=20) as client:
        client.wait_for_server(20)
        client.wait_for_model(20)
        results["config"] = config(client.model_config)
        results["sample"] = plain(client.infer_sample(SAMPLE))
        results["named"] = plain(client.infer_sample(input_name=SAMPLE, parameters={"a": 1, "b": "x", "c": True}))
        results["batch"] = plain(client.infer_batch(BATCH, headers={"x-one": "two"}))
    with ModelClient(url, "batched", "1", lazy_init=False, init_timeout_s=20) as client:
        results["version"] = plain(client.infer_sample(SAMPLE))
        if url.startswith("http"):  # of a client over gRPC it makes one over HTTP, to the same port
            with ModelClient.from_existing_client(client) as other:
                results["existing"] = plain(other.infer_sample(SAMPLE))
    with ModelClient(url, "my_model", init_timeout_s=20) as client:
        results["plain"] = plain(client.infer_sample(SAMPLE))
        results["no batch"] = told(lambda: client.infer_batch(BATCH))
        results["wrong type"] = told(lambda: client.infer_sample(STEPS))
    for name, version in (("nobody", None), ("batched", "9")):
        with ModelClient(url, name, version, init_timeout_s=1) as client:
            results[f"{name} {version}"] = told(lambda: client.infer_sample(SAMPLE))
    # those of more workers over gRPC are clients over HTTP, for the reason above
    with FuturesModelClient(url, "batched", max_workers=3 if url.startswith("http") else 1) as client:
        client.wait_for_model(20).result()
        results["future config"] = config(client.model_config().result())
        futures = [client.infer_sample(SAMPLE * i) for i in range(6)] + [client.infer_batch(BATCH)]
        results["futures"] = [plain(each.result()) for each in futures]
    return results


async def asynchronous(url):
    results = {}
    async with AsyncioModelClient(url, "batched", init_timeout_s=20) as client:
        await client.wait_for_model(20)
        results["config"] = config(await client.model_config)
        answers = await asyncio.gather(*(client.infer_sample(SAMPLE * i) for i in range(6)))
        results["samples"] = [plain(each) for each in answers]
        results["batch"] = plain(await client.infer_batch(BATCH, parameters={"a": 1}))
    return results


def decoupled(url):
    with DecoupledModelClient(url, "decoupled", init_timeout_s=20) as client:
        first = [plain(each) for each in client.infer_sample(STEPS)]
        return {"config": config(client.model_config), "first": first, "again": [plain(each) for each in client.infer_sample(STEPS)]}


async def decoupled_asynchronous(url):
    async with AsyncioDecoupledModelClient(url, "decoupled", init_timeout_s=20) as client:
        return [plain(each) async for each in client.infer_sample(STEPS)]


def main(transport, address):
    url = f"{transport}://{address}"
    results = {"sync": synchronous(url), "asyncio": asyncio.run(asynchronous(url))}
    if transport == "grpc":
        results["decoupled"] = {"sync": decoupled(url), "asyncio": asyncio.run(decoupled_asynchronous(url))}
    print(json.dumps(results))


for each in sys.argv[2:]:
    main(sys.argv[1], each)
