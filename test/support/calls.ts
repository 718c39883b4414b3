/** Calls, replies and stub handlers for the tests of filters and rooms. */
import type { After } from '../../src/base/clock.ts';
import type { StatusError } from '../../src/base/status.ts';
import {
  type Call,
  Cancellation,
  Flow,
  flowOf,
  type Handler,
  type Metadata,
  type Method,
  never,
  noMetadata,
  type Reply,
  replyOf,
  type StreamCall,
  trailersOf,
  type UnaryCall,
} from '../../src/call/index.ts';

/** A method as src/models has it; for tests of rooms below models, or of methods that nobody knows. */
export function method(path: string, fields: Partial<Method> = {}): Method {
  const [, service = '', name = ''] = path.split('/');
  const api = service.startsWith('tensorflow.serving.')
    ? 'tfs'
    : service.startsWith('inference.')
      ? 'kserve'
      : 'other';
  return {
    path,
    service,
    name,
    api,
    idempotent: api !== 'other',
    admin: false,
    target: undefined,
    streaming: false,
    fleetWide: false,
    ...fields,
  };
}

export const predictMethod = method('/tensorflow.serving.PredictionService/Predict');

let sequence = 0;

const base = (): Omit<UnaryCall, 'kind'> => ({
  method: predictMethod,
  via: 'gRPC',
  metadata: noMetadata,
  target: { model: 'half_plus_two', signature: '' },
  request: Flow.of([]),
  deadline: never,
  cancellation: new Cancellation(),
  id: `test-${++sequence}`,
  peer: '127.0.0.1:40000',
});

/** A unary call with one whole message; any field can be replaced. */
export function unaryCall(
  message: Uint8Array = new Uint8Array(0),
  fields: Partial<UnaryCall> = {},
): UnaryCall {
  return { ...base(), kind: 'unary', request: flowOf(message), ...fields };
}

/** A stream call whose request is still open; any field can be replaced. */
export function streamCall(fields: Partial<StreamCall> = {}): StreamCall {
  return {
    ...base(),
    kind: 'stream',
    method: method('/inference.GRPCInferenceService/ModelStreamInfer'),
    request: new Flow(),
    ...fields,
  };
}

/** Reads a reply's body to its end: the bytes and the trailers. Throws the flow's error. */
export async function readAll(flow: Flow): Promise<{ bytes: Buffer; trailers: Metadata }> {
  const chunks: Uint8Array[] = [];
  const trailers = await new Promise<Metadata>((resolve, reject) => {
    flow.read({
      onData(chunk) {
        chunks.push(chunk);
        flow.credit(chunk.length);
      },
      onEnd: resolve,
      onError: reject,
    });
  });
  return { bytes: Buffer.concat(chunks), trailers };
}

/** A reply as a backend gives it when it answers with an error status. */
export function errorReply(error: StatusError, from = '127.0.0.1:8500'): Reply {
  return { metadata: noMetadata, body: Flow.of([], trailersOf(error)), from };
}

export interface StubHandler {
  readonly handler: Handler;
  /** The calls that reached it, in order. */
  readonly calls: Call[];
}

/** A handler that notes each call and answers it: with a message, or as the function says (it may throw). */
export function stubHandler(
  answer: Uint8Array | ((call: Call, nth: number) => Uint8Array | Reply | Promise<Uint8Array | Reply>),
  from = '127.0.0.1:8500',
): StubHandler {
  const calls: Call[] = [];
  return {
    calls,
    async handler(call) {
      calls.push(call);
      const result = answer instanceof Uint8Array ? answer : await answer(call, calls.length - 1);
      return result instanceof Uint8Array ? replyOf(result, from) : result;
    },
  };
}

/** A clock that moves only when told to. */
export function manualClock(startMs = 0): { clock: () => number; advance: (ms: number) => void } {
  let now = startMs;
  return { clock: () => now, advance: (ms) => void (now += ms) };
}

/** A clock and timers that move only when told to; what is due is called in order. */
export function manualTimers(): { clock: () => number; after: After; advance: (ms: number) => void } {
  let now = 0;
  const waiting = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  return {
    clock: () => now,
    after(ms, callback) {
      const entry = { dueMs: now + ms, callback };
      waiting.add(entry);
      return () => void waiting.delete(entry);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...waiting].filter(({ dueMs }) => dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0];
        if (due === undefined) break;
        waiting.delete(due);
        now = Math.max(now, due.dueMs);
        due.callback();
      }
      now = end;
    },
  };
}
