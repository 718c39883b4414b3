/** Questions and a backend for the cache's tests. */
import {
  decodePredictRequest,
  encodePredictRequest,
  encodePredictResponse,
  type ModelSpec,
  type Tensor,
} from '../../../src/codec/index.ts';
import type { CacheModelOptions } from '../../../src/filters/index.ts';
import { readAll, stubHandler } from '../../support/index.ts';

export const spec = (fields: Partial<ModelSpec> = {}): ModelSpec => ({ name: 'm', signature: '', ...fields });
export const floats = (...values: number[]): Tensor => ({
  dtype: 'float',
  shape: [values.length],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const join = (chunks: readonly Uint8Array[]): Buffer => Buffer.concat(chunks);
export const request = (...values: number[]): Buffer =>
  join(encodePredictRequest({ spec: spec(), inputs: new Map([['x', floats(...values)]]), outputFilter: [] }));

/**
 * The same question as TensorFlow writes it for one value: dtype, an int64 dim, and float_val instead of
 * tensor_content.
 */
export function typedRequest(value: number): Buffer {
  const number = Buffer.alloc(4);
  number.writeFloatLE(value);
  const field = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([tag, body.length]), body]);
  const shape = field(0x12, field(0x12, Buffer.from([0x08, 1])));
  const tensor = Buffer.concat([Buffer.from([0x08, 1]), shape, field(0x2a, number)]);
  const entry = field(0x12, Buffer.concat([field(0x0a, Buffer.from('x')), field(0x12, tensor)]));
  return Buffer.concat([
    entry,
    field(0x0a, Buffer.concat([field(0x0a, Buffer.from('m')), field(0x1a, Buffer.from('serving_default'))])),
  ]);
}

/** A backend that answers x / 2 + 2 and says which version it ran. */
export const halfPlusTwo = (version: () => bigint | undefined = () => 1n) =>
  stubHandler(async (call) => {
    const { bytes } = await readAll(call.request);
    const x = decodePredictRequest(bytes.subarray(5)).inputs.get('x') as Tensor & { bytes: Uint8Array };
    const values = new Float32Array(Uint8Array.from(x.bytes).buffer).map((value) => value / 2 + 2);
    const running = version();
    const answer = spec(running === undefined ? {} : { version: running });
    return join(encodePredictResponse({ spec: answer, outputs: new Map([['y', floats(...values)]]) }));
  });

export const forModel: CacheModelOptions = { ttlMs: 60_000, maxEntryBytes: 1000 };
