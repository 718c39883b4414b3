/**
 * KServe's V1: a prediction, or an explanation of one, whose JSON only the model understands, so that it is passed on
 * as it came.
 */
import type { Method } from '../call/index.ts';
import { defaultSignature, type ModelMetadata } from '../codec/index.ts';

const v1Method = (name: string): Method =>
  Object.freeze({
    path: `/tensorgate.V1/${name}`,
    service: 'tensorgate.V1',
    name,
    api: 'kserve',
    idempotent: true,
    admin: false,
    target: 'name',
    streaming: false,
    fleetWide: false,
  });

/** What is asked of a model in V1, as the path of its URL ends. */
export type V1Verb = 'predict' | 'explain';

/**
 * The gateway's own words for it, between its REST door and backends over REST; no client can name them. The message
 * is a model's name and the body (codec/proto/kserve/http-body.ts), the answer's message is the server's JSON.
 */
export const v1Methods: Readonly<Record<V1Verb, Method>> = {
  predict: v1Method('PredictV1'),
  explain: v1Method('ExplainV1'),
};

export const isV1 = (method: Method): boolean => method === v1Methods.predict || method === v1Methods.explain;

/**
 * A model that says nothing of its tensors, as most models of KServe's own server do: what they are is between it and
 * its clients.
 */
export function declaresNothing({ signatures }: ModelMetadata): boolean {
  const signature = signatures.get(defaultSignature);
  return signature !== undefined && signature.inputs.size === 0 && signature.outputs.size === 0;
}
