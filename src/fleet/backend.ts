/** One model server: its connections, its health, and how much it has to do. */
import { type Call, type Clock, type Handler, type Observer, StatusError, statusOf } from '../call/index.ts';
import { createGrpcTransport } from './connection/grpc-transport.ts';
import type { Transport, TransportEvents } from './connection/transport.ts';
import { ModelHealth } from './health/model-health.ts';
import { probe, type Sight } from './health/probe.ts';
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
  readonly #transport: Transport;
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
    this.#transport = createTransport(address, options, { events, clock: deps.clock });
    const { timeoutMs } = options.health;
    this.prober = new Prober(options.health, {
      health: this.health,
      models: deps.models,
      probe: (model) => this.#look(model, timeoutMs, options.maxControlBytes),
      connect: () => this.#transport.connect(),
      random: deps.random,
    });
  }

  get connections(): number {
    return this.#transport.connections;
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
      return await this.#transport.send(call, (error, trailers) => {
        finish(error?.code ?? statusOf(trailers));
      });
    } catch (reason) {
      finish(StatusError.from(reason).code);
      throw reason;
    }
  };

  watchConnections(): void {
    this.#transport.watch();
  }

  close(graceful: boolean): void {
    this.prober.stop();
    this.#transport.close(graceful);
  }

  /** What GetModelStatus says, whatever the backend speaks. */
  async #look(model: string, timeoutMs: number, maxBytes: number): Promise<Sight> {
    const deps = {
      handler: (call: Call) => this.#transport.send(call),
      clock: this.#deps.clock,
      timeoutMs,
      maxBytes,
    };
    const sight = await probe(model, deps);
    if (sight !== 'other api') return sight;
    // it was replaced by one that speaks something else
    this.#transport.forget();
    await this.#transport.connect();
    return probe(model, deps);
  }
}

function createTransport(
  address: BackendAddress,
  options: FleetOptions,
  deps: { readonly events: TransportEvents; readonly clock: Clock },
): Transport {
  const { api } = address;
  if (api === 'tfs+http' || api === 'kserve+http') throw new Error(`${api} backends are not supported yet`);
  return createGrpcTransport({ ...address, api }, options, deps);
}
