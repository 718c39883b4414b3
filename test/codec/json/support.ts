/** The decoder as tests ask it: signatures and a body in, tensors as text or an error's message out. */
import { Buffer } from 'node:buffer';
import { StatusError } from '../../../src/base/status.ts';
import {
  decodePredictRequest,
  type DType,
  dtypes,
  encodePredictRequest,
  type JsonLimits,
  predictBody,
  type SignatureSource,
} from '../../../src/codec/index.ts';
import type { Signatures } from './documents.ts';
import type { Verdict } from './oracle.ts';

export const limits: JsonLimits = {
  maxBodyBytes: 2 ** 26,
  maxDepth: 64,
  maxRank: 32,
  maxElements: 2 ** 24,
  maxStringBytes: 2 ** 20,
  maxExampleValues: 1000,
};
export const options = { strictDtypes: true, extraDtypes: true };

export function sourceOf(signatures: Signatures): SignatureSource {
  return {
    names: Object.keys(signatures),
    get(name) {
      const wanted = name === '' ? 'serving_default' : name;
      const inputs = Object.hasOwn(signatures, wanted) ? signatures[wanted] : undefined;
      if (inputs === undefined)
        throw new StatusError(3, `Serving signature name: "${wanted}" not found in signature def`);
      return {
        name: wanted,
        methodName: 'tensorflow/serving/predict',
        inputs: new Map(
          Object.entries(inputs).map(([input, { dtype }]) => [
            input,
            {
              dtype: dtype as DType,
              dtypeNumber: dtypes[dtype as DType].number,
              shape: undefined,
              tensorName: `${input}:0`,
            },
          ]),
        ),
        outputs: new Map(),
      };
    },
  };
}

/** One input x of a type. */
export const single = (dtype: string): SignatureSource => sourceOf({ serving_default: { x: { dtype } } });

/** @param sizes of the chunks that the body comes in */
export function decode(
  body: Uint8Array,
  source: SignatureSource,
  sizes: readonly number[] = [body.length],
  own: Partial<JsonLimits> = {},
): Verdict {
  try {
    const reader = predictBody(source, { ...limits, ...own }, options);
    let at = 0;
    for (const size of sizes) {
      // a copy, which is spoilt afterwards: the decoder must not hold on to it
      const chunk = Buffer.from(body.subarray(at, at + size));
      reader.push(chunk);
      chunk.fill(0x5d);
      at += size;
    }
    const { inputs } = reader.finish();
    const message = Buffer.concat(encodePredictRequest({ spec: undefined, inputs, outputFilter: [] }));
    return {
      tensors: Object.fromEntries(
        [...decodePredictRequest(message).inputs].map(([name, tensor]) => [
          name,
          {
            dtype: tensor.dtype,
            shape: [...tensor.shape],
            data:
              tensor.dtype === 'string'
                ? tensor.values.map((value) => Buffer.from(value).toString('hex'))
                : Buffer.from(tensor.bytes).toString('hex'),
          },
        ]),
      ),
    };
  } catch (error) {
    if (error instanceof StatusError) return { error: error.message };
    throw error;
  }
}
