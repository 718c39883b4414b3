/**
 * Cache keys: one digest for one question, however it was encoded.
 *
 * What is hashed is a head in JSON that states names, types, shapes and the length of every value, and then the values'
 * bytes one after the other: two different questions cannot make the same text. NaNs and negative zeros are compared
 * bit by bit, as the model sees them.
 */
import { createHash } from 'node:crypto';
import { defaultSignature, type NamedTensors } from '../../codec/index.ts';

/** Part of every key: answers stored by a gateway that made keys in another way are never found. */
const schema = 'tensorgate predict 2';

export interface CacheQuestion {
  /** The fleet that answers: another one has another model of that name. */
  readonly fleet: string;
  readonly model: string;
  /** The resolved version: "default" is no answer's version. */
  readonly version: bigint;
  /** Changes when the version is loaded again. */
  readonly incarnation: string;
  /** Empty means the default signature. */
  readonly signature: string;
  readonly outputFilter: readonly string[];
  readonly inputs: NamedTensors;
  /** Values of metadata fields that the operator said answers depend on; undefined where the call has none. */
  readonly vary: readonly (string | undefined)[];
}

/** SHA-256 of the question. */
export function cacheKey(question: CacheQuestion): Buffer {
  const values: Uint8Array[] = [];
  const inputs = [...question.inputs].sort(byName).map(([name, tensor]) => {
    const parts = tensor.dtype === 'string' ? tensor.values : [tensor.bytes];
    for (const part of parts) values.push(part);
    return [name, tensor.dtype, tensor.shape, parts.map((part) => part.length)];
  });
  const head = JSON.stringify([
    schema,
    question.fleet,
    question.model,
    question.version.toString(),
    question.incarnation,
    question.signature === '' ? defaultSignature : question.signature,
    [...new Set(question.outputFilter)].sort(),
    inputs,
    question.vary.map((value) => value ?? null),
  ]);
  const hash = createHash('sha256').update(head).update('\n');
  // Many short strings are hashed faster in one piece than with one call each.
  if (values.length > 8) hash.update(Buffer.concat(values));
  else for (const value of values) hash.update(value);
  return hash.digest();
}

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : a > b ? 1 : 0;
