/**
 * Waits until the body of a request is here before a backend is chosen: a place is for work, and not for a body that
 * may never come.
 */
import type { IncomingMessage } from 'node:http';
import { guarded } from '../../base/faults.ts';
import type { BodyPace } from './body-pace.ts';
import { silent, tooSlow } from './body.ts';
import type { ProxyError } from './errors.ts';

/**
 * Larger bodies go on when so much of them is here, in bytes: more than most prompts, and less than node:http reads
 * ahead.
 */
const hereBytes = 16_384;

export interface ArrivalRules {
  /** Of silence. */
  readonly idleTimeoutMs: number;
  readonly pace: BodyPace;
  /** The body is whole or large, or the client has gone. */
  here(): void;
  refused(error: ProxyError): void;
}

/** Calls back, at once where nothing has to be waited for. @returns what stops the waiting */
export function whenHere(request: IncomingMessage, rules: ArrivalRules): () => void {
  const { idleTimeoutMs, pace } = rules;
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  const isHere = (): boolean =>
    (coding === undefined && (length ?? '0') === '0') ||
    request.complete ||
    request.readableLength >= hereBytes ||
    request.destroyed ||
    request.readableEnded;
  if (isHere()) {
    rules.here();
    return () => undefined;
  }
  let timer: NodeJS.Timeout | undefined;
  let waiting = true;
  const arm = (): void => {
    clearTimeout(timer);
    const { leftMs } = pace;
    timer = setTimeout(
      guarded('http', () => {
        stop();
        rules.refused(leftMs < idleTimeoutMs ? tooSlow(request.readableLength) : silent(idleTimeoutMs));
      }),
      Math.min(leftMs, idleTimeoutMs),
    );
  };
  const stop = (): void => {
    // whoever reads the body by then would be stopped: removing a listener of 'readable', even one that is gone, ends
    // a flow
    if (!waiting) return;
    waiting = false;
    pace.rests();
    clearTimeout(timer);
    request.off('readable', look).off('close', look);
  };
  const look = guarded('http', () => {
    if (!isHere()) {
      arm();
      return;
    }
    stop();
    rules.here();
  });
  pace.waits();
  arm();
  request.on('readable', look).on('close', look);
  return stop;
}
