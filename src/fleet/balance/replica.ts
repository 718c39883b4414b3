/** One model at one backend as balancing sees it: what it is worth of late, learnt from how calls ended there. */
import type { Candidate } from './picker.ts';

/** What all models of a backend share. */
export interface Host {
  readonly name: string;
  readonly zone: string;
  readonly forZones?: readonly string[] | undefined;
  /** Configured share. */
  readonly weight: number;
  /** Calls sent and not answered yet, of every model. */
  readonly outstanding: number;
  /** What it says of its own capacity (ORCA), compared with others; 1 while it says nothing. */
  readonly capacity: number;
}

/** How fast the past is forgotten (Finagle's and Envoy's time for peak EWMA), in ms. */
const decayMs = 10_000;
/** A backend that starts slowly begins with this share (Envoy's minimum). */
const leastRamp = 0.1;
/** Calls that are taken to have gone well before the first: one failure alone is no trend. */
const priorCalls = 2;
/** Calls that are remembered at most: the past of a busy backend shall weigh no more than that of a quiet one. */
const maxCalls = 20;
/** How much a failing share lowers the weight; a backend that fails everything keeps about a four-hundredth. */
const failureWeight = 20;

/**
 * Load-balancing state of one model at one backend: latency in ms (peak EWMA, time constant 10 s), weight (the
 * configured one times the reported capacity, lowered by the failure share) and slow-start ramp (0.1 to 1).
 */
export class Replica<H extends Host = Host> implements Candidate {
  readonly host: H;
  readonly model: string;
  latencyMs = 0;
  weight: number;
  ramp = 1;
  readonly #slowStartMs: () => number;
  #rampFromMs: number | undefined;
  /** Calls and failures, both fading. */
  #calls = 0;
  #failures = 0;
  #fadedMs = 0;
  /** Nothing ended here since the last look. */
  #quiet = false;

  /** @param slowStartMs from the lowest share to the whole one after the model came up; 0 is at once */
  constructor(host: H, model: string, slowStartMs: () => number) {
    this.host = host;
    this.model = model;
    this.#slowStartMs = slowStartMs;
    this.weight = host.weight;
  }

  get name(): string {
    return this.host.name;
  }

  get zone(): string {
    return this.host.zone;
  }

  get forZones(): readonly string[] | undefined {
    return this.host.forZones;
  }

  get outstanding(): number {
    return this.host.outstanding;
  }

  /** The model came up here while others served: it starts anew, with a share that grows from now on. */
  startSlowly(nowMs: number): void {
    this.#calls = 0;
    this.#failures = 0;
    if (this.#slowStartMs() > 0) this.#rampFromMs = nowMs;
    this.refresh(nowMs);
  }

  /** A call ended; what says nothing about the backend (a bad request, a client that left) is not told. */
  ended(failed: boolean, tookMs: number, nowMs: number): void {
    const kept = this.#fade(nowMs);
    this.#quiet = false;
    const room = Math.min(1, (maxCalls - 1) / Math.max(1, this.#calls));
    this.#calls = this.#calls * room + 1;
    this.#failures = this.#failures * room + (failed ? 1 : 0);
    if (!failed) {
      // a peak is believed at once, and forgotten slowly
      this.latencyMs =
        tookMs > this.latencyMs || this.latencyMs === 0
          ? tookMs
          : this.latencyMs * kept + tookMs * (1 - kept);
    }
    this.#reweigh();
  }

  /** Lets time pass: called every so often, so that picking reads one number. */
  refresh(nowMs: number): void {
    const kept = this.#fade(nowMs);
    // a peak that nobody dares to try again would never be forgotten
    if (this.#quiet) this.latencyMs *= kept;
    this.#quiet = true;
    this.ramp = this.#rampAt(nowMs);
    this.#reweigh();
  }

  /** A new replica is taken to be like its siblings. */
  assume(latencyMs: number): void {
    if (this.latencyMs === 0) this.latencyMs = latencyMs;
  }

  #fade(nowMs: number): number {
    const kept = Math.exp(-Math.max(0, nowMs - this.#fadedMs) / decayMs);
    this.#fadedMs = nowMs;
    this.#calls *= kept;
    this.#failures *= kept;
    return kept;
  }

  #reweigh(): void {
    const failing = this.#failures / (this.#calls + priorCalls);
    const penalty = 1 + (failureWeight * failing) / (1.05 - failing);
    this.weight = (this.host.weight * this.host.capacity) / penalty;
  }

  #rampAt(nowMs: number): number {
    if (this.#rampFromMs === undefined) return 1;
    const share = (nowMs - this.#rampFromMs) / this.#slowStartMs();
    if (share >= 1) this.#rampFromMs = undefined;
    return Math.min(1, Math.max(leastRamp, share));
  }
}
