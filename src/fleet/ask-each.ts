/** One question to many backends, each with a time limit of its own: what every one of them answers. */
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import { type BackendAnswer, plainMetadata, type WideQuestion } from '../bridge/index.ts';
import { type Call, Cancellation, errorOf, flowOf, messageChunks, statusOf } from '../call/index.ts';
import { notTaken } from '../codec/index.ts';
import type { Backend } from './backend.ts';

/** Backends that are asked at the same time. */
const maxParallel = 16;

/** No timer takes more. */
const maxTimerMs = 2 ** 31 - 1;

export interface AskEachDeps {
  readonly clock: Clock;
  /** Of one answer, in bytes. */
  readonly maxBytes: number;
}

const compressedUnasked = (name: string): StatusError =>
  new StatusError(Code.INTERNAL, `backend ${name} compressed its answer without being asked to`);

async function askOne(backend: Backend, question: WideQuestion, deps: AskEachDeps): Promise<BackendAnswer> {
  const { name } = backend;
  const { call, message, timeoutMs, hold } = question;
  if (!backend.health.isHealthy) {
    const reason = `backend ${name} is ${backend.health.state}: ${backend.health.reason}`;
    return { backend: name, error: new StatusError(Code.UNAVAILABLE, reason, { where: name }) };
  }
  const cancellation = new Cancellation();
  const stop = call.cancellation.onCancel((reason) => {
    cancellation.cancel(reason);
  });
  const startedMs = deps.clock();
  const untilMs = Math.min(call.deadline, startedMs + timeoutMs);
  const timer = Number.isFinite(untilMs)
    ? setTimeout(
        () => {
          const text = `no answer within ${Math.round(untilMs - startedMs)} ms`;
          cancellation.cancel(new StatusError(Code.DEADLINE_EXCEEDED, text, { where: name }));
        },
        Math.min(maxTimerMs, Math.max(0, untilMs - deps.clock())),
      )
    : undefined;
  const own: Call = {
    ...call,
    kind: 'unary',
    metadata: plainMetadata(call.metadata),
    request: flowOf(message),
    deadline: untilMs,
    cancellation,
    onPicked: undefined,
  };
  try {
    const reply = await backend.attempt(own);
    const answer = await messageChunks(reply.body, deps.maxBytes, hold).catch((reason: unknown) => {
      throw notTaken(reason);
    });
    const trailers = answer?.trailers ?? reply.body.trailers;
    if (statusOf(trailers) !== Code.OK) return { backend: name, error: errorOf(trailers, name) };
    if (answer === undefined)
      throw new StatusError(Code.INTERNAL, `backend ${name} said OK without an answer`);
    if (answer.compressed) throw compressedUnasked(name);
    return { backend: name, error: undefined, message: answer.pieces, metadata: reply.metadata };
  } catch (reason) {
    return { backend: name, error: StatusError.from(cancellation.reason ?? reason, name) };
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** As WideFleet has it, of these backends. */
export async function askEach(
  backends: readonly Backend[],
  question: WideQuestion,
  told: (answer: BackendAnswer, place: number) => void,
  deps: AskEachDeps,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let place = next++; place < backends.length; place = next++) {
      const answer = await askOne(backends[place] as Backend, question, deps);
      // nobody waits for the others any more
      if (question.call.cancellation.reason !== undefined) throw question.call.cancellation.reason;
      told(answer, place);
    }
  };
  await Promise.all(Array.from({ length: Math.min(maxParallel, backends.length) }, worker));
}
