/** Steady load on a gateway, a history of every call of it, and the promises that are checked on that history. */
import assert from 'node:assert/strict';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { decodePredictResponse, encodePredictRequest, type Tensor } from '../../src/codec/index.ts';
import type { TestGateway } from '../support/index.ts';
import { type PredictClient, predictClient } from './predict-client.ts';

/** One call as its client saw it. Moments are performance.now(). */
export interface PastCall {
  readonly nonce: bigint;
  readonly via: 'gRPC' | 'REST';
  readonly sentMs: number;
  readonly deadlineMs: number;
  /** How often the client was told of an end; one, or the gateway is wrong. */
  answers: number;
  endedMs: number;
  /** Empty when it succeeded. */
  failure: string;
  /** What came back in the place of the nonce. */
  echoed: bigint | undefined;
  /** The name of the backend that answered, as the backend says it. */
  from: string;
}

export interface LoadOptions {
  /** Calls begun each second, whatever becomes of those before (an open loop, as real clients are) ... */
  readonly perSecond: number;
  /** ... unless so many are under way: a machine too busy for the load shall be late, not later with each second. */
  readonly maxPending?: number;
  /** REST has no way to say it: the gateway's deadlines.defaultMs must be the same there. */
  readonly deadlineMs?: number;
  /** A model of the demo server's kind "echo". */
  readonly model?: string;
  readonly via?: readonly PastCall['via'][];
  /** Of the gRPC client; plain text by default. */
  readonly channel?: ChannelCredentials;
}

export function nonceRequest(model: string, nonce: bigint): Buffer {
  const x: Tensor = {
    dtype: 'int64',
    shape: [1],
    bytes: Buffer.from(BigInt64Array.of(nonce).buffer),
  };
  const spec = { name: model, signature: 'int64' };
  return Buffer.concat(encodePredictRequest({ spec, inputs: new Map([['x', x]]), outputFilter: [] }));
}

function nonceIn(reply: Buffer): bigint | undefined {
  const x = decodePredictResponse(reply).outputs.get('x');
  return x === undefined || !('bytes' in x)
    ? undefined
    : new DataView(x.bytes.buffer, x.bytes.byteOffset).getBigInt64(0, true);
}

/** Inference calls that a backend had no AVAILABLE model for, by its own count. */
export async function misdirected(backend: { readonly control: string }): Promise<number> {
  const state = (await (await fetch(backend.control)).json()) as { misdirected: number };
  return state.misdirected;
}

/** Nonces differ between the loads of one process too. */
let nextNonce = 1n;
/** How often the client's own delays are measured, in ms. */
const stallEveryMs = 5;

/** A load that runs until stop(), and what has become of its calls. */
export class History {
  readonly calls: PastCall[] = [];
  /** The longest that this process could not look at its own answers, in ms: no fault of the gateway's. */
  stallMs = 0;
  readonly #options: Required<LoadOptions>;
  readonly #gateway: Pick<TestGateway, 'grpc' | 'rest'>;
  readonly #client: PredictClient;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #pending = new Set<Promise<void>>();

  constructor(gateway: Pick<TestGateway, 'grpc' | 'rest'>, options: LoadOptions) {
    this.#gateway = gateway;
    const channel = credentials.createInsecure();
    this.#options = {
      deadlineMs: 5000,
      model: 'echo',
      via: ['gRPC', 'REST'],
      channel,
      maxPending: 64,
      ...options,
    };
    this.#client = predictClient(gateway.grpc, this.#options.channel);
    const startMs = performance.now();
    let begun = 0;
    let lookedMs = startMs;
    const tick = setInterval(() => {
      const nowMs = performance.now();
      this.stallMs = Math.max(this.stallMs, nowMs - lookedMs - stallEveryMs);
      lookedMs = nowMs;
      const due = Math.floor(((nowMs - startMs) * this.#options.perSecond) / 1000);
      for (; begun < due; begun++) if (this.#pending.size < this.#options.maxPending) this.#begin(begun);
    }, stallEveryMs);
    // a test that failed before its stop() must not keep the process
    tick.unref();
    this.#timers.push(tick);
  }

  /** Begins no more calls; resolves when those under way have ended, or are long past their deadline. */
  async stop(): Promise<this> {
    for (const timer of this.#timers) clearInterval(timer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#options.deadlineMs + 1000);
    });
    await Promise.race([Promise.all(this.#pending), late]);
    clearTimeout(timer);
    this.#client.close();
    return this;
  }

  /** Calls that ended with the answer that they asked for, so far. */
  get ok(): number {
    return this.calls.filter(({ answers, failure }) => answers > 0 && failure === '').length;
  }

  get failed(): readonly PastCall[] {
    return this.calls.filter(({ failure }) => failure !== '');
  }

  /** How many calls each backend answered since a moment. */
  shares(sinceMs = 0): ReadonlyMap<string, number> {
    const shares = new Map<string, number>();
    for (const { from, sentMs, failure } of this.calls)
      if (failure === '' && sentMs >= sinceMs) shares.set(from, (shares.get(from) ?? 0) + 1);
    return shares;
  }

  /** Latency in ms below which the given share of the successful calls stayed. */
  latencyMs(share: number, sinceMs = 0): number {
    const sorted = this.calls
      .filter(({ failure, answers, sentMs }) => failure === '' && answers > 0 && sentMs >= sinceMs)
      .map(({ sentMs, endedMs }) => endedMs - sentMs)
      .sort((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  }

  /** "400 calls, 0 failed, p50 3 ms, p99 40 ms, max 45 ms" */
  summary(): string {
    const ms = (share: number): string => this.latencyMs(share).toFixed(0);
    return `${this.calls.length} calls, ${this.failed.length} failed, p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms, max ${ms(1)} ms`;
  }

  /** What holds whatever the fleet does: one answer each, in time, and nobody else's. */
  checkPromises(): void {
    const toleranceMs = 50 + this.stallMs;
    for (const call of this.calls) {
      const name = `call ${call.nonce} over ${call.via}`;
      assert.equal(call.answers, 1, `${name} has ${call.answers} answers`);
      const lateMs = call.endedMs - call.deadlineMs;
      assert.ok(lateMs <= toleranceMs, `${name} ended ${lateMs.toFixed(0)} ms after its deadline`);
      if (call.failure === '') assert.equal(call.echoed, call.nonce, `${name} got another call's tensor`);
    }
  }

  /** The same, and that no call failed. */
  checkAllAnswered(): void {
    this.checkPromises();
    const kinds = new Map<string, number>();
    for (const { failure, via } of this.failed)
      kinds.set(`${via}: ${failure}`, (kinds.get(`${via}: ${failure}`) ?? 0) + 1);
    assert.deepEqual([...kinds], [], this.summary());
  }

  #begin(nth: number): void {
    const { deadlineMs, via } = this.#options;
    const sentMs = performance.now();
    const call: PastCall = {
      nonce: nextNonce++,
      via: via[nth % via.length] ?? 'gRPC',
      sentMs,
      deadlineMs: sentMs + deadlineMs,
      answers: 0,
      endedMs: Number.NaN,
      failure: '',
      echoed: undefined,
      from: '',
    };
    this.calls.push(call);
    const end = (failure: string): void => {
      call.answers++;
      call.endedMs = performance.now();
      call.failure = failure;
    };
    const pending = (call.via === 'gRPC' ? this.#grpc(call, end) : this.#rest(call, end)).finally(() =>
      this.#pending.delete(pending),
    );
    this.#pending.add(pending);
  }

  async #grpc(call: PastCall, end: (failure: string) => void): Promise<void> {
    const { model, deadlineMs } = this.#options;
    try {
      const { reply, from } = await this.#client.predict(nonceRequest(model, call.nonce), { deadlineMs });
      call.echoed = nonceIn(reply);
      call.from = from;
      end('');
    } catch (error) {
      end((error as Error).message);
    }
  }

  async #rest(call: PastCall, end: (failure: string) => void): Promise<void> {
    try {
      const answer = await fetch(`http://${this.#gateway.rest}/v1/models/${this.#options.model}:predict`, {
        method: 'POST',
        body: `{"signature_name":"int64","instances":[${call.nonce}]}`,
        signal: AbortSignal.timeout(this.#options.deadlineMs + 1000),
      });
      const text = await answer.text();
      const found = /^\{"predictions":\[(-?\d+)\]\}$/.exec(text);
      if (found?.[1] !== undefined) call.echoed = BigInt(found[1]);
      call.from = answer.headers.get('x-served-by') ?? '';
      end(found === null ? `${answer.status} ${text}` : '');
    } catch (error) {
      end(String(error));
    }
  }
}
