/** One structured log line a call, and who gets one: nobody, failures and a sample, or everybody. */
import { type CallEnd, Code, codeName, type HttpEnd, type Log } from '../call/index.ts';

export interface AccessLogOptions {
  /** off: no lines; errors: calls that did not end with OK, and the sample; all: every call. */
  readonly mode: 'off' | 'errors' | 'all';
  /** Share (0 to 1) of successful calls that are logged in mode "errors". */
  readonly sample: number;
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
}

/** What writes the lines; undefined when the log is off. */
export function accessLog(options: AccessLogOptions, log: Log, random: () => number): AccessLog | undefined {
  const { mode, sample } = options;
  if (mode === 'off') return undefined;
  const wanted = (ok: boolean): boolean => mode === 'all' || !ok || (sample > 0 && random() < sample);
  return {
    call(end) {
      if (wanted(end.code === Code.OK)) log.info(fieldsOf(end), 'call');
    },
    http(end) {
      if (wanted(end.complete && end.status < 400)) log.info(httpFieldsOf(end), 'http');
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

function fieldsOf(end: CallEnd): object {
  const { call } = end;
  return {
    id: cut(call.id),
    peer: call.peer,
    via: call.via,
    method: cut(call.method.path),
    model: cut(call.target?.model ?? ''),
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
