"""A decoupled Triton model: its string says, as JSON, what it answers and when.

    {"say": ["one", "two"],     one answer for each
     "gate": "/folder",         the answer N (from 0) is made once the file N is there; the end once "end" is
     "mark": "/file",           gets a line for each answer made, "cancelled" when the client left, and "over" at the end
     "error": "words",          instead of the last answer
     "final": true}             the last answer says that it is the last, instead of one without outputs behind it

"cancelled" alone shows what Triton itself knew of the end.
"""

import json
import os
import threading
import time

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            script = json.loads(pb_utils.get_input_tensor_by_name(request, "x").as_numpy().flatten()[0])
            # one stream does not wait for another
            threading.Thread(target=self.run, args=(script, request.get_response_sender()), daemon=True).start()

    def run(self, script, sender):
        gate = script.get("gate")
        final = pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL
        words = script["say"]
        for number, word in enumerate(words):
            if not self.wait(gate, str(number), sender):
                self.mark(script, "cancelled")
                sender.send(flags=final)
                return
            self.mark(script, word)
            last = number == len(words) - 1
            tensor = pb_utils.Tensor("x", np.array([word], dtype=np.object_))
            response = pb_utils.InferenceResponse([tensor])
            if last and "error" in script:
                response = pb_utils.InferenceResponse([], pb_utils.TritonError(script["error"]))
            if last and script.get("final"):
                sender.send(response, flags=final)
                self.mark(script, "over")
                return
            sender.send(response)
        self.wait(gate, "end", sender)
        sender.send(flags=final)
        self.mark(script, "over")

    def wait(self, gate, name, sender):
        """False when the client has left."""
        while gate is not None and not os.path.exists(os.path.join(gate, name)):
            if sender.is_cancelled():
                return False
            time.sleep(0.01)
        return True

    def mark(self, script, text):
        if "mark" in script:
            with open(script["mark"], "a") as file:
                file.write(text + "\n")
