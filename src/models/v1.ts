/** KServe's V1: a prediction whose JSON only the model understands, so that it is passed on as it came. */
import type { Method } from '../call/index.ts';
import { defaultSignature, type ModelMetadata } from '../codec/index.ts';

/**
 * The gateway's own word for it, between its REST door and backends over REST; no client can name it. The message is a model's name
 * and the body (codec/proto/kserve/http-body.ts), the answer's message is the server's JSON.
 */
export const predictV1Method: Method = Object.freeze({
  path: '/tensorgate.V1/PredictV1',
  service: 'tensorgate.V1',
  name: 'PredictV1',
  api: 'kserve',
  idempotent: true,
  admin: false,
  target: 'name',
  streaming: false,
  fleetWide: false,
});

/** A model that says nothing of its tensors, as most models of KServe's own server do: what they are is between it and its clients. */
export function declaresNothing({ signatures }: ModelMetadata): boolean {
  const signature = signatures.get(defaultSignature);
  return signature !== undefined && signature.inputs.size === 0 && signature.outputs.size === 0;
}
