/** Looks at one HTTP backend again and again: whether it is well, and which models it lists. */
import { jittered } from '../../base/backoff.ts';
import { detach } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import type { ListedModel } from '../../call/index.ts';
import type { HttpFleetOptions } from '../options.ts';
import type { HttpClient } from './client.ts';
import { listedModels } from './models.ts';

/** A list of models is small; what is longer is no such list. In bytes. */
const maxListBytes = 2 ** 20;

export interface WatchDeps {
  readonly client: Pick<HttpClient, 'send'>;
  readonly random: () => number;
  /** It takes requests, or takes none: the first look tells, and then each change. */
  readonly onChange: () => void;
}

/**
 * Active health check of one HTTP backend: GET `path` every `intervalMs` (`fastIntervalMs` while it is down), plus or
 * minus 20 %, and then GET `modelsPath`. A status of 400 or more, a connection failure, or `fall` consecutive
 * time-outs take the backend down.
 */
export class HttpWatch {
  readonly #options: HttpFleetOptions['health'];
  readonly #deps: WatchDeps;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  #stopped = false;
  /** Looks in a row that timed out. */
  #timeouts = 0;
  #seen = false;
  up = false;
  /** Why not; empty while it is up. */
  reason = 'not asked yet';
  models: readonly ListedModel[] = [];

  constructor(options: HttpFleetOptions['health'], deps: WatchDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Looks once and from then on by itself. */
  async start(): Promise<void> {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    clearTimeout(this.#timer);
    try {
      await this.#look();
    } finally {
      this.#running = false;
      if (!this.#stopped) {
        const { intervalMs, fastIntervalMs } = this.#options;
        const waitMs = jittered(this.up ? intervalMs : fastIntervalMs, this.#deps.random);
        this.#timer = setTimeout(() => {
          detach('backend', this.start());
        }, waitMs).unref();
      }
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** A request found no connection: no need to wait for the next look. */
  lost(reason: string): void {
    this.#set(false, reason);
    detach('backend', this.start());
  }

  async #look(): Promise<void> {
    const { path, modelsPath, fall, timeoutMs } = this.#options;
    try {
      const { status } = await this.#get(path);
      this.#timeouts = 0;
      if (status >= 400) {
        this.#set(false, `GET ${path} answers ${status}`);
        return;
      }
      this.#set(true, '');
    } catch (reason) {
      const error = StatusError.from(reason);
      const late = error.code === Code.DEADLINE_EXCEEDED;
      if (late && ++this.#timeouts < fall && this.up) return;
      this.#set(false, late ? `no answer to GET ${path} within ${timeoutMs} ms` : error.message);
      return;
    }
    try {
      const { status, text } = await this.#get(modelsPath);
      this.models = status === 200 ? listedModels(text) : [];
    } catch {
      // it is well all the same: the list stays as it was
    }
  }

  async #get(target: string): Promise<{ status: number; text: Uint8Array }> {
    const { timeoutMs } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
    }, timeoutMs);
    try {
      const { statusCode, body } = await this.#deps.client.send({
        method: 'GET',
        target,
        headers: { 'user-agent': 'tensorgate-health', accept: 'application/json' },
        body: undefined,
        signal: late.signal,
        headersTimeoutMs: timeoutMs,
        idleTimeoutMs: timeoutMs,
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > maxListBytes) break;
        chunks.push(chunk);
      }
      return { status: statusCode, text: Buffer.concat(chunks) };
    } catch (reason) {
      if (late.signal.aborted)
        throw new StatusError(Code.DEADLINE_EXCEEDED, 'no answer in time', { cause: reason });
      throw reason;
    } finally {
      clearTimeout(timer);
    }
  }

  #set(up: boolean, reason: string): void {
    const changed = this.up !== up || !this.#seen;
    this.#seen = true;
    this.up = up;
    this.reason = reason;
    if (changed) this.#deps.onChange();
  }
}
