"""Everything that KServe's own clients ask about servers and models, and an inference by each.

    python kserve_clients.py HTTP_URL GRPC_ADDRESS MODEL

Prints one JSON object: what each question answered, or the error that it raised.
"""

import asyncio
import json
import sys

import numpy
from kserve import (
    InferenceGRPCClient,
    InferenceRESTClient,
    InferInput,
    InferRequest,
    RESTConfig,
)


async def told(question):
    try:
        answer = question()
        return await answer if asyncio.iscoroutine(answer) else answer
    except Exception as error:  # what it raises is what is asked
        status = getattr(getattr(error, "response", None), "status_code", None)
        return {"raised": type(error).__name__, "status": status}


def doubles(binary=False):
    values = numpy.array([1, 2.5, -3], dtype=numpy.float64)
    tensor = InferInput(name="input_name", shape=[3], datatype="FP64")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return tensor


async def main(url, address, model):
    results = {}
    for protocol in ("v1", "v2"):
        client = InferenceRESTClient(RESTConfig(protocol=protocol))
        results[protocol] = {
            "live": await told(lambda: client.is_server_live(url)),
            "ready": await told(lambda: client.is_server_ready(url)),
            "model": await told(lambda: client.is_model_ready(url, model)),
            "nobody": await told(lambda: client.is_model_ready(url, "nobody")),
            # there is no explainer
            "explain": await told(lambda: client.explain(url, model, {"instances": [1]})),
        }
        await client.close()
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    answer = await client.infer(
        url, InferRequest(model_name=model, infer_inputs=[doubles()]), model_name=model
    )
    results["v2"]["infer"] = answer.outputs[0].as_numpy().tolist()
    request = InferRequest(model_name=model, infer_inputs=[doubles(binary=True)], request_id="one", parameters={"a": 1})
    answer = await client.infer(url, request, model_name=model, headers={"x-one": "two"})
    results["v2"]["binary"] = [answer.id, answer.outputs[0].as_numpy().tolist()]
    results["v2"]["infer nobody"] = await told(lambda: client.infer(url, request, model_name="nobody"))
    await client.close()
    client = InferenceGRPCClient(url=address)
    results["grpc"] = {
        "live": await told(client.is_server_live),
        "ready": await told(client.is_server_ready),
        "model": await told(lambda: client.is_model_ready(model)),
        "nobody": await told(lambda: client.is_model_ready("nobody")),
        "infer nobody": await told(lambda: client.infer(InferRequest(model_name="nobody", infer_inputs=[doubles()]))),
    }
    answer = await client.infer(InferRequest(model_name=model, infer_inputs=[doubles()]))
    results["grpc"]["infer"] = answer.outputs[0].as_numpy().tolist()
    await client.close()
    print(json.dumps(results))


asyncio.run(main(*sys.argv[1:]))
