/** What servers of half_plus_two say of it over HTTP, in both APIs, by path; and a KServe V2 question to it. */
import { encodeModelInferRequest } from '../../src/codec/index.ts';

const info = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }] } };
const signature = { inputs: { x: info }, outputs: { y: info } };
const v2 = { name: 'x', datatype: 'FP32', shape: [-1] };

export const modelAnswers: Readonly<Record<string, unknown>> = {
  '/v1/models/half_plus_two': {
    model_version_status: [{ version: '1', state: 'AVAILABLE', status: { error_code: 'OK' } }],
  },
  '/v1/models/half_plus_two/metadata': {
    model_spec: { name: 'half_plus_two', version: '1' },
    metadata: { signature_def: { signature_def: { serving_default: signature } } },
  },
  '/v2': { name: 'test', extensions: ['binary_tensor_data'] },
  '/v2/models/half_plus_two': { name: 'half_plus_two', versions: ['1'], inputs: [v2], outputs: [v2] },
};

/** ModelInfer of `model` with so many floats, without its prefix. */
export function inferMessage(model: string, floats: number): Buffer {
  return Buffer.concat(
    encodeModelInferRequest({
      model,
      version: '',
      id: '',
      parameters: new Map(),
      inputs: new Map([['x', { dtype: 'float', shape: [floats], pieces: [new Uint8Array(floats * 4)] }]]),
      inputParameters: new Map(),
      outputs: [],
    }),
  );
}
