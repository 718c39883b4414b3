/**
 * One structured log line a call or refused request, and who gets one: nobody, failures (so many a second) and a
 * sample, or everybody.
 */
import type { After, Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { Code, codeName } from '../base/status.ts';
import type { CallEnd, HttpAnswerEnd, HttpEnd } from '../call/index.ts';

export interface AccessLogOptions {
  /** off: no lines; errors: calls that did not end with OK, and the sample; all: every call. */
  readonly mode: 'off' | 'errors' | 'all';
  /** Share (0 to 1) of successful calls that are logged in mode "errors". */
  readonly sample: number;
  /** Lines a second of failures with the same status in mode "errors"; those beyond are counted. 0: no bound. */
  readonly maxPerSecond: number;
}

export interface AccessLogDeps {
  readonly random: () => number;
  readonly clock: Clock;
  readonly after: After;
  /** A failure got no line. */
  readonly onSuppressed: () => void;
}

/** In ms. */
const second = 1000;

/** Failures with one status: each has a bound of its own, so that a flood of refusals hides no other trouble. */
interface Second {
  fromMs: number;
  lines: number;
  suppressed: number;
}

/** Clients choose names and texts; a log line keeps this many characters of each. */
const maxTextLength = 256;

const cut = (text: string): string =>
  text.length <= maxTextLength ? text : `${text.slice(0, maxTextLength)}…`;

/** Two decimals are 10 us, more than a log needs. */
const round = (ms: number): number => Math.round(ms * 100) / 100;

export interface AccessLog {
  call(end: CallEnd): void;
  http(end: HttpEnd): void;
  /** One line for a request, whether a call was made for it or not. */
  answer(end: HttpAnswerEnd): void;
}

/** What writes the lines; undefined when the log is off. */
export function accessLog(
  options: AccessLogOptions,
  log: Log,
  { random, clock, after, onSuppressed }: AccessLogDeps,
): AccessLog | undefined {
  const { mode, sample, maxPerSecond } = options;
  if (mode === 'off') return undefined;
  const seconds = new Map<number | string, Second>();

  /** @param status of a failure: a code's name, or HTTP's number */
  function hasCapacity(status: number | string): boolean {
    if (maxPerSecond === 0) return true;
    const nowMs = clock();
    let now = seconds.get(status);
    if (now === undefined) {
      now = { fromMs: nowMs, lines: 0, suppressed: 0 };
      seconds.set(status, now);
    }
    if (nowMs - now.fromMs >= second) {
      now.fromMs = nowMs;
      now.lines = 0;
    }
    if (now.lines < maxPerSecond) {
      now.lines++;
      return true;
    }
    onSuppressed();
    if (now.suppressed++ === 0) after(second, tell.bind(undefined, status, now));
    return false;
  }

  function tell(status: number | string, from: Second): void {
    const { suppressed } = from;
    from.suppressed = 0;
    log.info({ status, suppressed }, 'more failures than are logged');
  }

  const wanted = (ok: boolean, status: number | string): boolean => {
    if (mode === 'all') return true;
    return ok ? sample > 0 && random() < sample : hasCapacity(status);
  };
  return {
    call(end) {
      if (wanted(end.code === Code.OK, codeName(end.code))) log.info(fieldsOf(end), 'call');
    },
    http(end) {
      if (wanted(end.complete && end.status < 400, end.status)) log.info(httpFieldsOf(end), 'http');
    },
    answer(end) {
      const { callEnd, status } = end;
      const failed = callEnd !== undefined && callEnd.code !== Code.OK;
      const ok = end.complete && status < 400 && !failed;
      if (!wanted(ok, failed ? codeName(callEnd.code) : status)) return;
      if (callEnd === undefined) log.info(answerFieldsOf(end), 'http');
      else log.info({ ...fieldsOf(callEnd), ...statusOf(end) }, 'call');
    },
  };
}

function httpFieldsOf(end: HttpEnd): object {
  return {
    id: cut(end.id),
    peer: end.peer,
    via: 'proxy',
    method: cut(end.method),
    path: cut(end.path),
    status: end.status,
    complete: end.complete,
    ms: round(end.durationMs),
    ...(end.firstByteMs === undefined ? {} : { firstByteMs: round(end.firstByteMs) }),
    bytesIn: end.requestBytes,
    bytesOut: end.replyBytes,
    backend: end.from,
    ...(end.message === '' ? {} : { message: cut(end.message) }),
  };
}

/** What an answer over HTTP adds to the call that was made for it. */
function statusOf({ status, complete, message, callEnd }: HttpAnswerEnd): object {
  return {
    status,
    ...(complete ? {} : { complete }),
    // the call did well, and what came of it could not be told
    ...(callEnd?.message === '' && message !== '' ? { message: cut(message) } : {}),
  };
}

function answerFieldsOf(end: HttpAnswerEnd): object {
  return {
    id: cut(end.id),
    peer: end.peer,
    via: end.via,
    method: cut(end.method),
    path: cut(end.path.split('?', 1)[0] ?? ''),
    ...(end.model === '' ? {} : { model: cut(end.model) }),
    status: end.status,
    complete: end.complete,
    ms: round(end.durationMs),
    bytesIn: end.requestBytes,
    bytesOut: end.replyBytes,
    ...(end.message === '' ? {} : { message: cut(end.message) }),
  };
}

function fieldsOf(end: CallEnd): object {
  const { call } = end;
  return {
    id: cut(call.id),
    peer: call.peer,
    via: call.via,
    method: cut(call.method.path),
    model: cut(call.target?.model ?? ''),
    ...(call.target?.fleet === undefined ? {} : { fleet: call.target.fleet }),
    version: end.version,
    ...(call.target?.label === undefined ? {} : { label: cut(call.target.label) }),
    code: codeName(end.code),
    ms: round(end.durationMs),
    bytesIn: end.requestBytes,
    bytesOut: end.replyBytes,
    backend: end.from,
    ...(end.message === '' ? {} : { message: cut(end.message) }),
    ...(end.where === '' || end.where === end.from ? {} : { where: end.where }),
  };
}
