/**
 * Backends in the log: a line when one goes down or comes up, with the reason, and how many are left; fewer when one
 * keeps changing.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';

export interface BackendLogDeps {
  readonly fleet: () => string;
  readonly log: Log;
  readonly clock: Clock;
  /** How many backends there are, and how many of them take calls. */
  readonly count: () => { readonly up: number; readonly of: number };
}

/** Lines about one backend in a period; the changes beyond are counted. */
const maxLines = 4;
const periodMs = 60_000;

/** What is known of one backend, and what has been said of it. */
class Known {
  up: boolean;
  reason: string;
  /** What the last line said; undefined before the first one. */
  said: boolean | undefined;
  fromMs = Number.NEGATIVE_INFINITY;
  lines = 0;
  suppressed = 0;

  constructor(up: boolean, reason: string) {
    this.up = up;
    this.reason = reason;
  }
}

/**
 * Logs when backends of one fleet go up and down: at most four lines per backend and minute. Further changes are
 * counted; the next line, or `tick()`, tells their number and the state.
 */
export class BackendLog {
  readonly #deps: BackendLogDeps;
  readonly #known = new Map<string, Known>();

  constructor(deps: BackendLogDeps) {
    this.#deps = deps;
  }

  /** A look, or the end of a connection, has shown this. @param reason why it is down */
  saw(backend: string, up: boolean, reason: string): void {
    let known = this.#known.get(backend);
    if (known === undefined) this.#known.set(backend, (known = new Known(up, reason)));
    else {
      known.reason = reason;
      if (known.up === up) return;
      known.up = up;
    }
    const nowMs = this.#deps.clock();
    if (nowMs - known.fromMs >= periodMs) {
      known.fromMs = nowMs;
      known.lines = 0;
    }
    if (known.lines < maxLines) this.#say(backend, known);
    else known.suppressed++;
  }

  /** The first looks are over. */
  settle(): void {
    const { up, of } = this.#deps.count();
    this.#sayCount(up, of);
  }

  /** Says what one that has changed too often is in the end; called every so often. */
  tick(): void {
    const nowMs = this.#deps.clock();
    for (const [backend, known] of this.#known) {
      if (known.suppressed === 0 || nowMs - known.fromMs < periodMs) continue;
      known.fromMs = nowMs;
      known.lines = 0;
      this.#say(backend, known);
    }
  }

  forget(backend: string): void {
    this.#known.delete(backend);
  }

  #say(backend: string, known: Known): void {
    const { fleet, log, count } = this.#deps;
    const { up, reason, suppressed, said } = known;
    known.said = up;
    known.lines++;
    known.suppressed = 0;
    const counted = count();
    const fields = { fleet: fleet(), backend, ...counted, ...(suppressed === 0 ? {} : { suppressed }) };
    if (up) log.info(fields, `backend ${backend} is up`);
    else {
      const why = inWords(reason, backend);
      log.warn({ ...fields, reason: why }, `backend ${backend} is down: ${why}`);
      // one that has served: at the start the first looks say it once
      if (said !== undefined && counted.up === 0) this.#sayCount(0, counted.of);
    }
  }

  #sayCount(up: number, of: number): void {
    const fields = { fleet: this.#deps.fleet(), up, of };
    const text = `${up} of ${of} backends are up`;
    if (up === of && of > 0) this.#deps.log.info(fields, text);
    else this.#deps.log.warn(fields, text);
  }
}

/** The system's names for what becomes of connections. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ENOTFOUND: 'its name is not found',
  EAI_AGAIN: 'its name cannot be looked up now',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
};

/** A reason without the name that stands before it already. */
function inWords(reason: string, backend: string): string {
  const prefix = `backend ${backend}: `;
  const text = reason.startsWith(prefix) ? reason.slice(prefix.length) : reason;
  const [code] = /\bE[A-Z_]{3,}\b/.exec(text) ?? [];
  return (code === undefined ? undefined : words[code]) ?? text;
}
