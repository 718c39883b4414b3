/** Looks at one backend again and again: every few seconds while it is well, sooner while something is wrong or loading. */
import { Code, StatusError } from '../../call/index.ts';
import type { HealthOptions } from '../options.ts';
import type { ModelHealth } from './model-health.ts';
import type { Sight } from './probe.ts';

export interface ProberDeps {
  readonly health: ModelHealth;
  /** The models to ask about. */
  readonly models: () => readonly string[];
  readonly probe: (model: string) => Promise<Sight>;
  /** Makes sure that there is a connection; rejects when there cannot be one. */
  readonly connect: () => Promise<void>;
  readonly random: () => number;
}

/** Probes of one backend at the same time. */
const maxParallel = 8;

export class Prober {
  readonly #options: HealthOptions;
  readonly #deps: ProberDeps;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(options: HealthOptions, deps: ProberDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Resolves after the first round. */
  start(): Promise<void> {
    return this.#round();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Something happened: the next round is due within the fast interval. */
  hurry(): void {
    if (this.#stopped || this.#running !== undefined) return;
    clearTimeout(this.#timer);
    this.#schedule();
  }

  /** Asks about one model now. */
  async look(model: string): Promise<void> {
    const { health, probe } = this.#deps;
    try {
      const sight = await probe(model);
      if (sight === 'other api') health.cameUp();
      else health.saw(model, sight === 'unknown model' ? undefined : sight.versions);
    } catch (reason) {
      const error = StatusError.from(reason);
      if (error.code === Code.DEADLINE_EXCEEDED) health.timedOut(this.#options.fall, error.message);
      else if (error.fromBackend) health.cameUp();
      else health.wentDown(error.message);
    }
  }

  #round(): Promise<void> {
    this.#running ??= this.#lookAtAll().finally(() => {
      this.#running = undefined;
      if (!this.#stopped) this.#schedule();
    });
    return this.#running;
  }

  async #lookAtAll(): Promise<void> {
    const { health, models, connect } = this.#deps;
    const waiting = [...models()];
    if (waiting.length === 0 || !health.up) {
      try {
        await connect();
        if (waiting.length === 0) health.cameUp();
      } catch (reason) {
        health.wentDown(StatusError.from(reason).message);
        return;
      }
    }
    const worker = async (): Promise<void> => {
      for (let model = waiting.pop(); model !== undefined && !this.#stopped; model = waiting.pop())
        await this.look(model);
    };
    await Promise.all(Array.from({ length: Math.min(maxParallel, waiting.length) }, worker));
  }

  #schedule(): void {
    const { intervalMs, fastIntervalMs } = this.#options;
    const baseMs = this.#deps.health.restless ? fastIntervalMs : intervalMs;
    const spread = 0.8 + 0.4 * this.#deps.random();
    this.#timer = setTimeout(() => void this.#round(), baseMs * spread).unref();
  }
}
