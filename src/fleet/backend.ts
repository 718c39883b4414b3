/** One model server: its connections, its health, and how much it has to do. */
import {
  type Call,
  type Clock,
  type Handler,
  type Observer,
  type Reply,
  StatusError,
  statusOf,
} from '../call/index.ts';
import { Pool } from './connection/pool.ts';
import { RequestHeads } from './connection/request-head.ts';
import { sendCall } from './connection/upstream.ts';
import { ModelHealth } from './health/model-health.ts';
import { probe } from './health/probe.ts';
import { Prober } from './health/prober.ts';
import type { BackendAddress, FleetOptions } from './options.ts';

export interface BackendDeps {
  readonly observer: Observer;
  readonly clock: Clock;
  readonly random: () => number;
  /** The models to watch. */
  readonly models: () => readonly string[];
  readonly onVersion: (backend: Backend, model: string, version: bigint, available: boolean) => void;
  readonly onChange: (model: string) => void;
  /** A call has ended here with this gRPC code. */
  readonly onOutcome: (backend: Backend, model: string, code: number) => void;
}

export class Backend {
  readonly name: string;
  readonly address: BackendAddress;
  readonly health: ModelHealth;
  readonly prober: Prober;
  /** Calls sent and not answered yet. */
  inFlight = 0;
  /** An operator took it out: no new calls. */
  drained = false;
  readonly #pool: Pool;
  readonly #heads: RequestHeads;
  readonly #deps: BackendDeps;

  constructor(address: BackendAddress, options: FleetOptions, deps: BackendDeps) {
    this.name = address.name;
    this.address = address;
    this.#deps = deps;
    this.health = new ModelHealth({
      onVersion: (model, version, available) => {
        deps.onVersion(this, model, version, available);
      },
      onChange: deps.onChange,
    });
    const events = {
      onLost: (reason: StatusError): void => {
        this.health.wentDown(reason.message);
        this.prober.hurry();
      },
      onLimit: (name: string): void => {
        deps.observer.limited(name);
      },
    };
    this.#pool = new Pool(address, options.connection, events, deps.clock);
    this.#heads = new RequestHeads(address.name, address.tls !== undefined);
    const { timeoutMs } = options.health;
    this.prober = new Prober(options.health, {
      health: this.health,
      models: deps.models,
      probe: (model) =>
        probe(model, {
          handler: this.#send,
          clock: deps.clock,
          timeoutMs,
          maxBytes: options.maxControlBytes,
        }),
      connect: async () => {
        await this.#pool.acquire();
      },
      random: deps.random,
    });
  }

  get connections(): number {
    return this.#pool.connections;
  }

  /** One attempt of a call; counts as work and as an outcome. */
  readonly handler: Handler = async (call) => {
    this.inFlight++;
    this.#deps.observer.backendInFlight(this.name, this.inFlight);
    const model = call.target?.model ?? '';
    let over = false;
    const finish = (code: number): void => {
      if (over) return;
      over = true;
      this.inFlight--;
      this.#deps.observer.backendInFlight(this.name, this.inFlight);
      this.#deps.onOutcome(this, model, code);
    };
    try {
      return await this.#send(call, (error, trailers) => {
        finish(error?.code ?? statusOf(trailers));
      });
    } catch (reason) {
      finish((reason as StatusError).code);
      throw reason;
    }
  };

  watchConnections(): void {
    this.#pool.watch();
  }

  close(graceful: boolean): void {
    this.prober.stop();
    this.#pool.close(graceful);
  }

  readonly #send = async (
    call: Call,
    onOver: (error: StatusError | undefined, trailers: readonly string[]) => void = ignore,
  ): Promise<Reply> => {
    const acquired = this.#pool.acquire();
    const client = acquired instanceof Promise ? await untilCancelled(call, acquired) : acquired;
    return sendCall(call, {
      client,
      headers: this.#heads.of(call.method, call.metadata),
      where: this.name,
      clock: this.#deps.clock,
      onOver,
    });
  };
}

const ignore = (): void => undefined;

/** Waiting for a connection ends with the call. */
function untilCancelled<T>(call: Call, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = call.cancellation.onCancel(reject);
    promise.then(
      (value) => {
        stop();
        resolve(value);
      },
      (reason: unknown) => {
        stop();
        reject(StatusError.from(reason));
      },
    );
  });
}
