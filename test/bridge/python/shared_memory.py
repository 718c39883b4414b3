"""Inference of tritonclient's with input and output in system shared memory: prints the output and what is registered."""
import json
import sys

import numpy as np
import tritonclient.utils.shared_memory as shm

transport, url, model = sys.argv[1:4]
if transport == "http":
    import tritonclient.http as triton
else:
    import tritonclient.grpc as triton

client = triton.InferenceServerClient(url)
values = np.array([[1.5, -2.25]], np.float32)
regions = {}
try:
    for name in ("tensorgate_in", "tensorgate_out"):
        regions[name] = shm.create_shared_memory_region(name, f"/{name}_{transport}", values.nbytes)
        client.register_system_shared_memory(name, f"/{name}_{transport}", values.nbytes)
    shm.set_shared_memory_region(regions["tensorgate_in"], [values])
    tensor = triton.InferInput("x", list(values.shape), "FP32")
    tensor.set_shared_memory("tensorgate_in", values.nbytes)
    wanted = triton.InferRequestedOutput(sys.argv[4])
    wanted.set_shared_memory("tensorgate_out", values.nbytes)
    client.infer(model, [tensor], outputs=[wanted])
    out = shm.get_contents_as_numpy(regions["tensorgate_out"], np.float32, list(values.shape))
    status = client.get_system_shared_memory_status(**({} if transport == "http" else {"as_json": True}))
    # a list over HTTP, by name over gRPC
    listed = status if transport == "http" else list(status["regions"].values())
    print(json.dumps({"output": out.tolist(), "names": sorted(each["name"] for each in listed)}))
finally:
    client.unregister_system_shared_memory()
    for region in regions.values():
        shm.destroy_shared_memory_region(region)
