/**
 * Lets a call go on when its request is here: a place at a backend is for work, and not for a body that may never
 * come.
 */
import { uint32At } from '../base/bytes.ts';
import type { After, Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import {
  type Call,
  type Filter,
  type Handler,
  type Observer,
  prefixBytes,
  type Reply,
} from '../call/index.ts';

export interface ArrivalOptions {
  /** Larger requests go on when so much of them is here, in bytes: they are streamed. */
  readonly hereBytes: number;
  /** What they must bring from then on while others wait for their place. */
  readonly minBytesPerSecond: number;
}

export interface ArrivalDeps {
  /** Calls wait for a place that this one may have. */
  readonly othersWait: (call: Call) => boolean;
  readonly observer: Pick<Observer, 'limited'>;
  readonly clock: Clock;
  readonly after: After;
}

/** How often is looked at large requests under way, in ms, and over what time their pace is taken. */
const lookEveryMs = 250;
const paceMs = 1000;
/** A client with more than this on its way waits for us, not we for it, in bytes. */
const onItsWayBytes = 16_384;

/** A large request that has gone on before it was whole. */
interface Upload {
  readonly call: Call;
  readonly refuse: (error: StatusError) => void;
  /** When its pace was looked at, how much there was of it, and whether it was too slow. */
  sinceMs: number;
  bytes: number;
  slow: boolean;
}

/**
 * Delays a call until its request is complete or has `hereBytes`; a stream, until its first message. A request
 * that went on before it was complete but is slower than `minBytesPerSecond` while other calls wait fails with
 * DEADLINE_EXCEEDED.
 */
export function arrivalFilter(options: ArrivalOptions, deps: ArrivalDeps): Filter {
  const { hereBytes, minBytesPerSecond } = options;
  const { othersWait, observer, clock, after } = deps;
  const uploads = new Set<Upload>();
  let looking = false;

  /** A stream has arrived with its first message, everything else when it is whole. */
  function neededBytes({ method, request }: Call): number {
    const { begins } = request;
    if (!method.streaming || begins === undefined || begins.length < prefixBytes) return hereBytes;
    return Math.min(hereBytes, prefixBytes + uint32At(begins, 1));
  }

  async function arrive(call: Call, next: Handler): Promise<Reply> {
    const { request, cancellation, method } = call;
    const here = new Promise<void>((resolve) => {
      request.whenHere(neededBytes(call), resolve);
    });
    await cancellation.until(here);
    return request.done || method.streaming ? next(call) : watched(call, next);
  }

  function watched(call: Call, next: Handler): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (!looking) after(lookEveryMs, look);
      looking = true;
      const { request } = call;
      const upload = { call, refuse: reject, sinceMs: clock(), bytes: request.bytes, slow: false };
      uploads.add(upload);
      request.whenDone(() => {
        uploads.delete(upload);
      });
      next(call).then(resolve, reject);
    });
  }

  function look(): void {
    const nowMs = clock();
    for (const upload of uploads) {
      const { call, sinceMs } = upload;
      const { bytes, waitingBytes } = call.request;
      if (nowMs - sinceMs >= paceMs) {
        const leastBytes = ((nowMs - sinceMs) / 1000) * minBytesPerSecond;
        upload.slow = bytes - upload.bytes < leastBytes && waitingBytes <= onItsWayBytes;
        upload.sinceMs = nowMs;
        upload.bytes = bytes;
      }
      if (!upload.slow || !othersWait(call)) continue;
      uploads.delete(upload);
      observer.limited('slow body');
      const error = new StatusError(
        Code.DEADLINE_EXCEEDED,
        `the request body is too slow: it brings less than ${minBytesPerSecond} bytes a second while other calls wait for its place`,
      );
      // whoever works on the call lets go of it; the client hears of it even if nobody does
      call.cancellation.cancel(error);
      upload.refuse(error);
    }
    looking = uploads.size > 0;
    if (looking) after(lookEveryMs, look);
  }

  return (next) => (call) => {
    const { request, method } = call;
    // the server of a service that nobody knows may be the first to speak
    if (request.ended || request.error !== undefined || method.api === 'other') return next(call);
    return arrive(call, next);
  };
}
