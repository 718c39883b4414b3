/** Replays a recorded request to a model that has just come up, so that no client is the first. */
import type { Clock } from '../../base/clock.ts';
import { Code } from '../../base/status.ts';
import {
  askOwn,
  type Call,
  Flow,
  type Handler,
  type Metadata,
  type Method,
  statusOf,
  type Target,
} from '../../call/index.ts';
import { isInformation } from '../../models/index.ts';
import type { WarmUpOptions } from '../options.ts';

interface Recording {
  readonly method: Method;
  readonly metadata: Metadata;
  readonly target: Target;
  /** With its gRPC prefix. */
  readonly request: Buffer;
  readonly atMs: number;
}

/** A recording is as good as another: a new one is made this often, in ms. */
const renewMs = 60_000;
/** Fields that the replay needs; others (credentials, traces) belong to the client. */
const keptFields: ReadonlySet<string> = new Set(['content-type', 'grpc-encoding']);
const maxReplyBytes = 64 * 2 ** 20;

/**
 * Records one answered, idempotent, unary inference request per model (a new one at most once a minute), and replays
 * it to a backend `requests` times. Of the client's metadata only `content-type` and `grpc-encoding` are kept.
 */
export class WarmUps {
  readonly #options: () => WarmUpOptions;
  readonly #clock: Clock;
  readonly #recordings = new Map<string, Recording>();

  constructor(options: () => WarmUpOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * A call was answered well: it may serve as the recording of its model. Questions about it do not, nor calls for
   * given versions.
   */
  answered(call: Call): void {
    const { requests, maxBytes } = this.#options();
    const { target, method, request } = call;
    if (requests === 0 || call.kind !== 'unary' || !method.idempotent || target === undefined) return;
    if (isInformation(method) || target.version !== undefined || target.label !== undefined) return;
    if (!request.retains || !request.ended || request.bytes > maxBytes) return;
    const nowMs = this.#clock();
    if (nowMs - (this.#recordings.get(target.model)?.atMs ?? Number.NEGATIVE_INFINITY) < renewMs) return;
    const metadata: string[] = [];
    for (let i = 0; i < call.metadata.length; i += 2) {
      const name = call.metadata[i] as string;
      if (keptFields.has(name)) metadata.push(name, call.metadata[i + 1] as string);
    }
    this.#recordings.set(target.model, {
      method,
      metadata,
      target,
      request: Buffer.concat(request.peek()),
      atMs: nowMs,
    });
  }

  has(model: string): boolean {
    return this.#options().requests > 0 && this.#recordings.has(model);
  }

  /** Runs the replays one after the other; gives how many were answered well. */
  async warm(model: string, handler: Handler): Promise<number> {
    const recording = this.#recordings.get(model);
    if (recording === undefined) return 0;
    const { requests } = this.#options();
    let well = 0;
    for (let i = 0; i < requests; i++) if (await this.#replay(recording, handler)) well++;
    return well;
  }

  forget(model: string): void {
    this.#recordings.delete(model);
  }

  async #replay({ method, metadata, target, request }: Recording, handler: Handler): Promise<boolean> {
    const { timeoutMs } = this.#options();
    try {
      const asked = { method, metadata, target, request: Flow.of([request]), id: 'warm-up' };
      const limits = { clock: this.#clock, timeoutMs, maxBytes: maxReplyBytes };
      const { message } = await askOwn(handler, asked, limits);
      return message !== undefined && statusOf(message.trailers) === Code.OK;
    } catch {
      return false;
    }
  }
}
