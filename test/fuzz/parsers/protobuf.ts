/** Readers of protobuf messages, of requests and of replies, with what rewrites them. */
import { StatusError } from '../../../src/base/status.ts';
import {
  decodeClassificationResponse,
  decodeExample,
  decodeExamplesRequest,
  decodeFlagResponse,
  decodeGetModelMetadataRequest,
  decodeGetModelMetadataResponse,
  decodeGetModelStatusRequest,
  decodeGetModelStatusResponse,
  decodeHealthCheckRequest,
  decodeHealthCheckResponse,
  decodeLoadReport,
  decodeModelInferRequest,
  decodeModelInferResponse,
  decodeModelMetadataResponse,
  decodeModelVersionRequest,
  decodeMultiInferenceRequest,
  decodeMultiInferenceResponse,
  decodePredictRequest,
  decodePredictRequestChunks,
  decodePredictResponse,
  decodePredictResponseChunks,
  decodeReflectionRequest,
  decodeRegressionResponse,
  decodeReloadConfigRequest,
  decodeReloadConfigResponse,
  decodeRepositoryIndexRequest,
  decodeRepositoryIndexResponse,
  decodeServerMetadataResponse,
  encodeClassificationResponse,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
  encodeModelInferResponse,
  encodeModelMetadataResponse,
  encodeMultiInferenceResponse,
  encodePredictRequestChunks,
  encodePredictResponseChunks,
  encodeRegressionResponse,
  encodeRepositoryIndexResponse,
  encodeServerMetadataResponse,
  modelState,
  readInferSequence,
  readModelSpec,
  readPredictSequence,
  readTaskSpec,
  readV2Spec,
  replaceModelSpec,
  replaceTaskSpecs,
  replaceV2Spec,
  TargetWatch,
  withInferSequenceId,
  withPredictSequenceId,
} from '../../../src/codec/index.ts';
import { predictReply } from '../../support/index.ts';
import type { Chance } from '../chance.ts';
import { rpcQuestions } from '../corpus.ts';
import { mutate } from '../mutate.ts';
import { ensure, type Parser } from './parser.ts';

const spec = { name: 'm', version: 1n, signature: 's' };
const bytesOf = (message: Uint8Array | readonly Uint8Array[]): Buffer =>
  message instanceof Uint8Array ? Buffer.from(message) : Buffer.concat(message);
const info = { name: 'x', datatype: 'FP32', shape: [2, -1] };

/** Without prefixes: requests of every method, and replies. */
export const messages: readonly Buffer[] = [
  ...rpcQuestions('m').map(({ body }) => body.subarray(5)),
  predictReply,
  bytesOf(
    encodeGetModelStatusResponse([
      { version: 1n, state: modelState.AVAILABLE, errorCode: 5, errorMessage: 'e' },
    ]),
  ),
  bytesOf(
    encodeGetModelMetadataResponse({
      model: 'm',
      version: 1n,
      signatures: new Map([['s', { name: 's', methodName: 'p', inputs: new Map(), outputs: new Map() }]]),
    }),
  ),
  bytesOf(encodeClassificationResponse({ spec, results: [[{ label: 'a', score: 0.5 }]] })),
  bytesOf(encodeRegressionResponse({ spec, values: [0.5, 1] })),
  bytesOf(encodeMultiInferenceResponse([{ spec, kind: 'regression', values: [1] }])),
  bytesOf(
    encodeModelInferResponse({
      model: 'm',
      version: '1',
      id: 'i',
      parameters: new Map([['p', 'v']]),
      outputs: new Map([['y', { dtype: 'float', shape: [1], pieces: [Buffer.alloc(4)] }]]),
      outputParameters: new Map([['y', new Map([['p', 'v']])]]),
    }),
  ),
  bytesOf(
    encodeModelMetadataResponse({
      name: 'm',
      versions: ['1'],
      platform: 'p',
      inputs: [info],
      outputs: [info],
    }),
  ),
  bytesOf(encodeServerMetadataResponse({ name: 's', version: '1', extensions: ['e'] })),
  bytesOf(encodeRepositoryIndexResponse([{ name: 'm', version: '1', state: 'READY', reason: '' }])),
];

/** A message that is right, wrong in places, or nothing of the kind. */
function message(chance: Chance): Buffer {
  if (chance.percent(4)) return chance.bytes(chance.size(200));
  const base = chance.pick(messages);
  return chance.percent(6) ? base : mutate(chance, base, messages);
}

const limit = 2 ** 20;
const decoders: readonly ((bytes: Buffer) => unknown)[] = [
  decodeClassificationResponse,
  decodeExample,
  decodeExamplesRequest,
  decodeFlagResponse,
  decodeGetModelMetadataRequest,
  decodeGetModelMetadataResponse,
  decodeGetModelStatusRequest,
  decodeGetModelStatusResponse,
  decodeHealthCheckRequest,
  decodeHealthCheckResponse,
  (bytes) => decodeLoadReport(bytes),
  (bytes) => decodeModelInferRequest([bytes], limit),
  (bytes) => decodeModelInferResponse([bytes], limit),
  decodeModelMetadataResponse,
  decodeModelVersionRequest,
  decodeMultiInferenceRequest,
  decodeMultiInferenceResponse,
  (bytes) => decodePredictRequest(bytes, limit),
  (bytes) => decodePredictResponse(bytes, limit),
  decodeReflectionRequest,
  decodeRegressionResponse,
  decodeReloadConfigRequest,
  decodeReloadConfigResponse,
  decodeRepositoryIndexRequest,
  decodeRepositoryIndexResponse,
  decodeServerMetadataResponse,
];

/**
 * Whether the rest of a message that a call has begun with names the model again; what cannot be read is refused as
 * well.
 */
function refusesRest(rest: Buffer, v2: boolean): boolean {
  try {
    const watch = v2
      ? new TargetWatch(2, 'model_name or model_version', rest.length)
      : new TargetWatch(1, 'model_spec', rest.length);
    watch.feed(rest);
    return false;
  } catch (error) {
    if (error instanceof StatusError) return true;
    throw error;
  }
}

/** What is found must be the same however much of the message is there, or the rest is refused. */
function specOf(chance: Chance, bytes: Buffer): void {
  const v2 = chance.percent(40);
  const read = v2 ? readV2Spec : readModelSpec;
  const early = read(bytes.subarray(0, chance.below(bytes.length + 1)), false);
  const refused = early !== undefined && early !== null && refusesRest(bytes.subarray(early.end), v2);
  const whole = read(bytes, true);
  ensure(whole !== undefined, 'a whole message has a spec or none');
  if (early !== undefined && early !== null && !refused)
    ensure(
      early.spec.name === whole?.spec.name,
      `one model, not "${early.spec.name}" and "${whole?.spec.name ?? 'none'}"`,
    );
  if (whole === null) return;
  const other = { name: 'other', version: 7n, signature: whole.spec.signature };
  const replaced = Buffer.concat(v2 ? replaceV2Spec(bytes, other) : replaceModelSpec(bytes, other));
  ensure(read(replaced, true)?.spec.name === 'other', 'a replaced spec is read back');
}

function sequenceOf(chance: Chance, bytes: Buffer): void {
  if (chance.percent(50)) {
    readPredictSequence(bytes);
    withPredictSequenceId(bytes, 5n);
  } else {
    readInferSequence(bytes);
    withInferSequenceId(bytes, 5n, chance.percent(50));
  }
}

function tasksOf(bytes: Buffer): void {
  if (readTaskSpec(bytes) !== null) replaceTaskSpecs(bytes, { name: 'other', signature: '' });
}

/** A message in pieces means what it means in one. */
function inPieces(chance: Chance, bytes: Buffer): void {
  const pieces = chance.pieces(bytes);
  if (chance.percent(50)) encodePredictRequestChunks(decodePredictRequestChunks(pieces, limit));
  else encodePredictResponseChunks(decodePredictResponseChunks(pieces, limit));
}

export const protobufParsers: readonly Parser[] = [
  { name: 'protobuf', weight: 26, run: (chance) => void chance.pick(decoders)(message(chance)) },
  { name: 'model spec', weight: 12, run: (chance) => specOf(chance, message(chance)) },
  { name: 'sequence', weight: 6, run: (chance) => sequenceOf(chance, message(chance)) },
  { name: 'tasks', weight: 3, run: (chance) => tasksOf(message(chance)) },
  { name: 'predict in pieces', weight: 6, run: (chance) => inPieces(chance, message(chance)) },
];
