/** How long a call may take: as its client asks, or as the configuration says, for its model or for all. */
import { Code } from '../base/status.ts';
import { type Method, never, parseTimeout } from '../call/index.ts';

export interface Timeouts {
  /** For calls without grpc-timeout, in ms. */
  readonly defaultMs: number;
  /** No call may ask for more, in ms. */
  readonly maxMs: number;
}

export interface TimeoutOptions extends Timeouts {
  /** By the name that clients use, for models with time-outs of their own; undefined when none has. */
  readonly byModel: ReadonlyMap<string, Timeouts> | undefined;
}

/** Timers take no more, in ms. */
const longestMs = 2 ** 31 - 1;

/**
 * In ms. A stream may be silent for long and last for ever, and what an unknown service takes is not the gateway's to
 * say: these have the deadline that their client sets. What changes servers may take as long as any call: large
 * models load for minutes.
 * @param asked grpc-timeout
 * @throws StatusError INTERNAL for a grpc-timeout that is none, as gRPC servers answer
 */
export function timeoutOf(method: Method, asked: string | undefined, options: Timeouts): number {
  if (asked === undefined && method.admin) return options.maxMs;
  if (!method.streaming) return unaryTimeout(asked, options);
  return asked === undefined ? never : Math.min(parseTimeout(asked), longestMs);
}

/** The same of a call with one message either way. @param malformed the code that says so */
export function unaryTimeout(
  asked: string | undefined,
  { defaultMs, maxMs }: Timeouts,
  malformed: Code = Code.INTERNAL,
): number {
  return Math.min(asked === undefined ? defaultMs : parseTimeout(asked, malformed), maxMs);
}

/**
 * How much more time (negative: less) than others a call of a model has that is no stream, in ms.
 * @throws StatusError as unaryTimeout()
 */
export function moreTimeOf(model: string, asked: string | undefined, options: TimeoutOptions): number {
  const own = options.byModel?.get(model);
  return own === undefined ? 0 : unaryTimeout(asked, own) - unaryTimeout(asked, options);
}
