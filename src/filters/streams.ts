/**
 * Streams at the backends: no more than these take, shared by clients while others want one, and none that is silent
 * for ever.
 */
import type { After, Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import type { Call, Filter, Handler, Observer, Reply } from '../call/index.ts';
import type { Client, ClientOf } from './client.ts';

export interface StreamsOptions {
  /** A stream without a byte either way for so long ends, in ms; 0: it may be silent for ever. */
  readonly idleMs: number;
}

export interface StreamsDeps {
  /** Whether a backend that could answer the call takes one more stream now. */
  readonly hasCapacity: (call: Call) => boolean;
  /** Whether the end of the one may make room for the other. */
  readonly compete: (one: Call, other: Call) => boolean;
  readonly clientOf: ClientOf;
  readonly observer: Pick<Observer, 'limited'>;
  readonly clock: Clock;
  readonly after: After;
}

/** Streams are looked at so often, in ms; more often when they may be silent for less than four times as long. */
const lookEveryMs = 1000;
/** When a client may come again, in ms. */
const retryAfterMs = 1000;

interface OpenStream {
  readonly call: Call;
  readonly client: Client;
  reply: Reply | undefined;
  /** Both ways, at the last look, and since when there have been no more. */
  bytes: number;
  sinceMs: number;
}

const bytesOf = ({ call, reply }: OpenStream): number => call.request.bytes + (reply?.body.bytes ?? 0);

/**
 * Ends streams that carried no bytes for `idleMs` (0: never) with DEADLINE_EXCEEDED, and ends streams of
 * clients with many to make room for another client's.
 */
export function streamsFilter({ idleMs }: StreamsOptions, deps: StreamsDeps): Filter {
  const { hasCapacity, compete, clientOf, observer, clock, after } = deps;
  const everyMs = idleMs === 0 ? lookEveryMs : Math.max(1, Math.min(lookEveryMs, idleMs / 4));
  const open = new Set<OpenStream>();
  let looking = false;

  function end(stream: OpenStream, error: StatusError): void {
    open.delete(stream);
    stream.call.cancellation.cancel(error);
  }

  function look(): void {
    const nowMs = clock();
    for (const stream of open) {
      const bytes = bytesOf(stream);
      if (bytes !== stream.bytes) {
        stream.bytes = bytes;
        stream.sinceMs = nowMs;
      } else if (idleMs > 0 && nowMs - stream.sinceMs >= idleMs) {
        observer.limited('idle stream');
        end(stream, new StatusError(Code.DEADLINE_EXCEEDED, `the stream was silent for ${idleMs} ms`));
      }
    }
    looking = open.size > 0;
    if (looking) after(everyMs, look);
  }

  /**
   * The stream that makes room for another client's: the one that has been silent for longest, of the client with
   * most streams. Undefined when no client has two more than the newcomer's.
   */
  function surplus(call: Call, newcomer: Client): OpenStream | undefined {
    const rivals = [...open].filter((stream) => compete(stream.call, call));
    const byAddress = grouped(rivals, ({ client }) => client.address);
    const own = byAddress.get(newcomer.address) ?? [];
    const largest = longest(byAddress);
    if (largest !== own) return largest.length >= own.length + 2 ? quietest(largest) : undefined;
    const byConnection = grouped(own, ({ client }) => client.connection);
    const mine = byConnection.get(newcomer.connection)?.length ?? 0;
    const within = longest(byConnection);
    return within.length >= mine + 2 ? quietest(within) : undefined;
  }

  function quietest(streams: readonly OpenStream[]): OpenStream | undefined {
    let found: OpenStream | undefined;
    for (const stream of streams) {
      if (bytesOf(stream) === stream.bytes && stream.sinceMs < (found?.sinceMs ?? Number.POSITIVE_INFINITY))
        found = stream;
    }
    // all have said something since the last look
    return found ?? streams[0];
  }

  /** @throws StatusError RESOURCE_EXHAUSTED when there is no room and nobody has more than a share */
  function makeRoom(call: Call, client: Client): void {
    if (hasCapacity(call)) return;
    observer.limited('backend streams');
    const spare = surplus(call, client);
    if (spare !== undefined)
      end(spare, refusal('the stream gives its place to another client, which has fewer'));
    if (!hasCapacity(call)) throw refusal('every backend has its limit of streams (concurrency.maxStreams)');
  }

  async function run(call: Call, next: Handler): Promise<Reply> {
    const client = clientOf(call);
    makeRoom(call, client);
    const stream: OpenStream = {
      call,
      client,
      reply: undefined,
      bytes: call.request.bytes,
      sinceMs: clock(),
    };
    open.add(stream);
    if (!looking) after(everyMs, look);
    looking = true;
    const over = (): void => {
      open.delete(stream);
    };
    call.cancellation.onCancel(over);
    try {
      const reply = await call.cancellation.until(next(call));
      stream.reply = reply;
      reply.body.whenDone(over);
      return reply;
    } catch (reason) {
      over();
      throw reason;
    }
  }

  return (next) => (call) => (call.method.streaming ? run(call, next) : next(call));
}

const refusal = (text: string): StatusError =>
  new StatusError(Code.RESOURCE_EXHAUSTED, text, { retryAfterMs });

function grouped(
  streams: readonly OpenStream[],
  keyOf: (stream: OpenStream) => string,
): Map<string, OpenStream[]> {
  const found = new Map<string, OpenStream[]>();
  for (const stream of streams) {
    const key = keyOf(stream);
    const list = found.get(key);
    if (list === undefined) found.set(key, [stream]);
    else list.push(stream);
  }
  return found;
}

const longest = (lists: ReadonlyMap<string, OpenStream[]>): OpenStream[] =>
  [...lists.values()].reduce<OpenStream[]>((best, list) => (list.length > best.length ? list : best), []);
