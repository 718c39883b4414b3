"""Everything about servers that tritonclient has a call for, as an operator would make it: prints what came back, as JSON."""
import json
import sys

transport, url, model = sys.argv[1:4]
if transport == "http":
    import tritonclient.http as triton

    client = triton.InferenceServerClient(url, connection_timeout=30, network_timeout=30)
    as_json = {}
else:
    import tritonclient.grpc as triton

    client = triton.InferenceServerClient(url)
    as_json = {"as_json": True}

said = {}
said["statistics"] = client.get_inference_statistics(model, **as_json)
said["all"] = client.get_inference_statistics(**as_json)
config = client.get_model_config(model, **as_json)
# over gRPC it is within its message
config = config.get("config", config)
said["config"] = config["name"]
client.unload_model(model)
client.load_model(model)
source = b"class TritonPythonModel:\n    def execute(self, requests):\n        return []\n"
client.load_model(model, config=json.dumps(config), files={"file:1/model.py": source})
client.load_model(model)
said["index"] = client.get_model_repository_index(**as_json)
said["trace"] = client.update_trace_settings(settings={"trace_rate": "9"}, **as_json)
said["trace read"] = client.get_trace_settings(**as_json)
said["log"] = client.update_log_settings({"log_verbose_level": 1}, **as_json)
client.update_log_settings({"log_verbose_level": 0})
said["log read"] = client.get_log_settings(**as_json)
try:
    client.load_model("nobody")
    said["unknown"] = "loaded"
except triton.InferenceServerException as error:
    said["unknown"] = error.message()
try:
    client.register_system_shared_memory("a", "/a", 8)
    said["memory"] = "registered"
except triton.InferenceServerException as error:
    said["memory"] = error.message()
print(json.dumps(said))
