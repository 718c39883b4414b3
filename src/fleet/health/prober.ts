/** Looks at one backend again and again: each model every few seconds, sooner while it loads or the backend is down. */
import { jittered } from '../../base/backoff.ts';
import { detach } from '../../base/faults.ts';
import { BackendQueueFull, Code, StatusError } from '../../base/status.ts';
import type { HealthOptions } from '../options.ts';
import type { ModelHealth } from './model-health.ts';
import type { ProbeResult } from './probe.ts';

export interface ProberDeps {
  readonly health: ModelHealth;
  readonly options: () => HealthOptions;
  /** The models to ask about; none when the backend is only looked at as a whole. */
  readonly models: () => readonly string[];
  readonly probe: (model: string) => Promise<ProbeResult>;
  /** Finds out whether the backend is there at all; rejects when it is not. */
  readonly checkHost: () => Promise<void>;
  /** Takes a place among all looks of this gateway: how long to wait for it, in ms. */
  readonly reserve: (lane: 'urgent' | 'routine') => number;
  readonly clock: () => number;
  readonly random: () => number;
}

/**
 * The gateway's own refusals on the way there; what a backend says is its own, and what is wrong with its answer
 * counts as that.
 */
function isOfTheQuestion(error: StatusError): boolean {
  const { code } = error;
  return (
    error instanceof BackendQueueFull ||
    code === Code.INVALID_ARGUMENT ||
    code === Code.NOT_FOUND ||
    code === Code.UNIMPLEMENTED ||
    code === Code.RESOURCE_EXHAUSTED
  );
}

/** Looks at one backend at the same time. */
const maxParallel = 8;

/**
 * Active health checking of one backend: checks the host while it is down or no model is watched, and probes each
 * watched model every `intervalMs` (`fastIntervalMs` while it loads or after a time-out), plus or minus 20 %. Results
 * go to ModelHealth; a round runs at most eight probes at once.
 */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #dueMs = new Map<string, number>();
  readonly #looking = new Map<string, Promise<boolean>>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #round: Promise<void> | undefined;
  /** Something happened while a round was under way. */
  #again = false;
  #hurriedMs = Number.NEGATIVE_INFINITY;
  #hostDueMs = 0;
  /** When the last time-out was counted. */
  #timedOutMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  /** Resolves after the first round. */
  start(): Promise<void> {
    return this.#look();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Something happened: everything is due now; or at the fast interval, when the last time was just a moment ago. */
  refreshSoon(): void {
    if (this.#stopped) return;
    const { clock, options } = this.#deps;
    const now = clock();
    const soon = now - this.#hurriedMs < options().fastIntervalMs;
    if (!soon) this.#hurriedMs = now;
    const dueMs = soon ? now + options().fastIntervalMs : now;
    this.#hostDueMs = Math.min(this.#hostDueMs, dueMs);
    for (const [model, due] of this.#dueMs) this.#dueMs.set(model, Math.min(due, dueMs));
    if (this.#round === undefined) this.#schedule();
    else this.#again = true;
  }

  /** Asks about one model now, whatever the pace: a call waits for it. True when the backend gave a sign of life. */
  look(model: string): Promise<boolean> {
    let looking = this.#looking.get(model);
    if (looking === undefined) {
      looking = this.#ask(model).finally(() => {
        this.#looking.delete(model);
        this.#dueMs.set(model, this.#deps.clock() + this.#intervalMs(model));
        if (this.#round === undefined && !this.#stopped) this.#schedule();
      });
      this.#looking.set(model, looking);
    }
    return looking;
  }

  async #ask(model: string): Promise<boolean> {
    const { health, probe, clock } = this.#deps;
    const askedMs = clock();
    try {
      const result = await probe(model);
      health.gaveSign();
      if (typeof result === 'string') health.saw(model, undefined);
      else health.saw(model, result.versions, result.texts);
      return true;
    } catch (reason) {
      const error = StatusError.from(reason);
      // a status of any kind is a sign of life
      if (error.fromBackend) {
        health.gaveSign();
        return true;
      }
      // a question that cannot be put to it, about a name that a client made up, say, tells nothing of it either way
      if (isOfTheQuestion(error)) return false;
      if (error.code === Code.DEADLINE_EXCEEDED) this.#timedOut(askedMs, error.message);
      else health.wentDown(error.message);
      return false;
    }
  }

  /**
   * Looks that were under way at the same time and all timed out tell of one silence: of a row, each begins after the
   * one before.
   */
  #timedOut(askedMs: number, reason: string): void {
    const { health, options, clock } = this.#deps;
    if (askedMs < this.#timedOutMs) return;
    this.#timedOutMs = clock();
    health.timedOut(options().fall, reason);
  }

  #look(): Promise<void> {
    this.#round ??= this.#lookAtDue().finally(() => {
      this.#round = undefined;
      if (this.#again) {
        this.#again = false;
        this.#hostDueMs = 0;
      }
      if (!this.#stopped) this.#schedule();
    });
    return this.#round;
  }

  async #lookAtDue(): Promise<void> {
    const { health, models, clock } = this.#deps;
    const names = models();
    const wanted = new Set(names);
    for (const model of this.#dueMs.keys()) if (!wanted.has(model)) this.#dueMs.delete(model);
    const now = clock();
    const up = health.isHealthy;
    if ((!up || names.length === 0) && !(await this.#lookAtHost())) return;
    // what was down says everything anew
    const due = names.filter((model) => !up || (this.#dueMs.get(model) ?? 0) <= now);
    if (up && due.length === 0 && names.length > 0) return;
    let well = true;
    const worker = async (): Promise<void> => {
      for (let model = due.pop(); model !== undefined && !this.#stopped; model = due.pop()) {
        await this.#wait(!up || health.isRestless(model) || !this.#dueMs.has(model) ? 'urgent' : 'routine');
        if (this.#stopped) return;
        well = (await this.look(model)) && well;
      }
    };
    await Promise.all(Array.from({ length: Math.min(maxParallel, due.length) }, worker));
    if (well && !this.#stopped) health.answered(this.#deps.options().rise);
  }

  /** Before its models are asked about, a backend must be there at all; and that is all there is without models. */
  async #lookAtHost(): Promise<boolean> {
    const { health, checkHost, clock, options } = this.#deps;
    await this.#wait('urgent');
    const askedMs = clock();
    try {
      await checkHost();
      this.#hostDueMs = clock() + options().intervalMs;
      return true;
    } catch (reason) {
      const error = StatusError.from(reason);
      this.#hostDueMs = clock() + options().fastIntervalMs;
      if (error instanceof BackendQueueFull) return false;
      if (error.code === Code.DEADLINE_EXCEEDED && health.isHealthy) this.#timedOut(askedMs, error.message);
      else health.wentDown(error.message);
      return false;
    }
  }

  async #wait(lane: 'urgent' | 'routine'): Promise<void> {
    const ms = this.#deps.reserve(lane);
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms).unref());
  }

  #intervalMs(model: string): number {
    const { health, options, random } = this.#deps;
    const { intervalMs, fastIntervalMs } = options();
    // plus or minus a fifth, so that gateways do not march in step
    return jittered(health.isRestless(model) || health.isDoubtful ? fastIntervalMs : intervalMs, random);
  }

  #schedule(): void {
    const { health, clock, options } = this.#deps;
    clearTimeout(this.#timer);
    const now = clock();
    const dueMs = Math.min(
      this.#dueMs.size === 0 ? this.#hostDueMs : Number.POSITIVE_INFINITY,
      ...this.#dueMs.values(),
    );
    const latestMs = now + (health.isHealthy ? options().intervalMs : options().fastIntervalMs);
    const atMs = health.isHealthy ? Math.min(dueMs, latestMs) : Math.min(this.#hostDueMs, latestMs);
    const look = (): void => {
      detach('backend', this.#look());
    };
    this.#timer = setTimeout(look, Math.max(1, atMs - now)).unref();
  }
}
