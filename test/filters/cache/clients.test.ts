/** Real clients write one question in many ways; all of them make one key. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { decodePredictRequest } from '../../../src/codec/index.ts';
import { cacheKey } from '../../../src/filters/cache/key.ts';
import { isPlainPredict } from '../../../src/filters/cache/request.ts';
import { needTool, python } from '../../support/index.ts';

const keysOf = (lines: string): string[] =>
  lines
    .trim()
    .split('\n')
    .map((line) => {
      const bytes = Buffer.from(line, 'hex');
      assert.ok(isPlainPredict(bytes), line);
      const { inputs, outputFilter, spec } = decodePredictRequest(bytes);
      const { signature } = spec!;
      const asked = { fleet: 'f', model: 'm', version: 1n, incarnation: '' };
      return cacheKey({ ...asked, signature, outputFilter, inputs, vary: [] }).toString('hex');
    });

const tensorflow = `
import numpy as np, tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
def say(names, **tensors):
    request = PredictRequest()
    request.model_spec.name = 'm'
    for name in names: request.inputs[name].CopyFrom(tensors[name])
    print(request.SerializeToString().hex())
x = np.array([[1.5, 2.0], [7.0, 7.0]], np.float32)
s = tf.make_tensor_proto([b'a', b''])
content = tf.make_tensor_proto(x)
typed = tf.make_tensor_proto(x); typed.tensor_content = b''; typed.float_val.extend([1.5, 2.0, 7.0, 7.0])
cut = tf.make_tensor_proto(x); cut.tensor_content = b''; cut.float_val.extend([1.5, 2.0, 7.0])
say(['x', 's'], x=content, s=s)
say(['s', 'x'], x=typed, s=s)
say(['x', 's'], x=cut, s=s)
`;

const ovmsclient = `
import numpy as np
from ovmsclient.tfs_compat.grpc.requests import make_predict_request
inputs = {'s': [b'a', b''], 'x': np.array([[1.5, 2.0], [7.0, 7.0]], np.float32)}
print(make_predict_request(inputs, 'm', 0).raw_request.SerializeToString().hex())
`;

it('TensorFlow and ovmsclient ask one question in four encodings', async (t) => {
  if (needTool(t, 'tfs') === undefined || needTool(t, 'ovmsclient') === undefined) return;
  const results = [await python('tfs', tensorflow), await python('ovmsclient', ovmsclient)];
  for (const result of results) assert.equal(result.code, 0, result.stderr);
  const keys = results.flatMap((result) => keysOf(result.stdout));
  assert.equal(keys.length, 4);
  assert.equal(new Set(keys).size, 1, keys.join('\n'));
});
