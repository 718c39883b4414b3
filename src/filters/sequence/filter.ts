/**
 * Calls of stateful models: finds their sequence, gives out ids, and lets the calls of one sequence go one at a time.
 */
import { Code, StatusError } from '../../base/status.ts';
import { type ByModel, type Filter, Flow, messagePrefix, type Method, type Reply } from '../../call/index.ts';
import {
  readInferSequence,
  readPredictSequence,
  type SequenceControl,
  withInferSequenceId,
  withPredictSequenceId,
} from '../../codec/index.ts';
import { requestMessage } from '../request-message.ts';
import { SequenceLock } from './sequence-lock.ts';

export interface SequenceFilterOptions {
  /** Models that keep state between calls. */
  readonly models: ByModel<true>;
  /** Calls of one sequence that may wait for their turn. */
  readonly maxWaiting: number;
  /** Largest request that is read for its sequence, in bytes. */
  readonly maxRequestBytes: number;
}

export interface SequenceFilterDeps {
  /** An id that no gateway has given out: at random below 2^53, which JSON can hold, and not 0. */
  readonly newId: () => bigint;
  /** Those of before a reload: calls that came before and after it are still one at a time. */
  readonly turns?: SequenceLock;
}

interface Dialect {
  read(message: Uint8Array): SequenceControl | undefined;
  /** The message in pieces, with this id for its sequence. */
  withId(message: Uint8Array, id: bigint, control: SequenceControl): Uint8Array[];
}

const dialects: Readonly<Record<string, Dialect>> = {
  Predict: { read: readPredictSequence, withId: withPredictSequenceId },
  ModelInfer: {
    read: readInferSequence,
    withId: (message, id, { inInputs }) => withInferSequenceId(message, id, inInputs),
  },
};

const dialectOf = ({ api, name }: Method): Dialect | undefined =>
  api === 'other' ? undefined : dialects[name];

/** Also the name of the reply's field that tells the id to clients whose server does not repeat it. */
const idField = 'sequence-id';

/**
 * Serializes the unary calls of each sequence of stateful models, and assigns an id to a sequence that starts
 * without one. A call without id that starts none is refused with INVALID_ARGUMENT.
 */
export function sequenceFilter(
  options: SequenceFilterOptions,
  { newId, turns = new SequenceLock() }: SequenceFilterDeps,
): Filter {
  return (next) => async (call) => {
    const { target } = call;
    const dialect = target !== undefined && options.models.has(target) ? dialectOf(call.method) : undefined;
    if (dialect === undefined || target === undefined || call.kind !== 'unary') return next(call);
    const message = await requestMessage(call, options.maxRequestBytes);
    if (call.cancellation.reason !== undefined) throw call.cancellation.reason;
    if (message === undefined) throw unreadable(target.model, options.maxRequestBytes);
    const control = dialect.read(message);
    if (control === undefined) return next(call);
    const given = control.id === '0' && control.starts ? newId() : undefined;
    if (control.id === '0' && given === undefined)
      throw new StatusError(
        Code.INVALID_ARGUMENT,
        `model ${target.model} is stateful: a call that does not start a sequence needs its sequence_id`,
      );
    const sequence = {
      id: given === undefined ? control.id : String(given),
      starts: control.starts,
      ends: control.ends,
    };
    const request =
      given === undefined ? call.request : flowOfChunks(dialect.withId(message, given, control));
    const turn = `${target.fleet ?? ''}\0${target.model}\0${sequence.id}`;
    const end = await turns.take(turn, options.maxWaiting, call.cancellation);
    let reply: Reply;
    try {
      reply = await next({ ...call, request, sequence });
    } catch (reason) {
      end();
      throw reason;
    }
    reply.body.whenDone(end);
    if (given === undefined) return reply;
    return { ...reply, metadata: [...reply.metadata, idField, sequence.id] };
  };
}

function flowOfChunks(pieces: readonly Uint8Array[]): Flow {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return Flow.of([messagePrefix(length), ...pieces]);
}

function unreadable(model: string, maxBytes: number): StatusError {
  return new StatusError(
    Code.INVALID_ARGUMENT,
    `model ${model} is stateful: its requests must be one uncompressed message of at most ${maxBytes} bytes`,
  );
}
