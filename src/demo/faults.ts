/** What a demo server can be told to do wrong: to be slow, to fail, to hang, to drop connections. */
import { Code, StatusError } from '../base/status.ts';

/** Faults hit the inference calls (Predict, Classify, Regress, MultiInference) or, with scope "all", every call. */
export interface Faults {
  /** Added to every call, and up to jitterMs more, evenly spread. */
  latencyMs: number;
  jitterMs: number;
  /** Calls that pass their latency at the same time, the others wait in line, as for a device; 0 is any number. */
  slots: number;
  /** Share of calls that fail, 0 to 1, with failCode and failMessage. */
  failRate: number;
  failCode: Code;
  failMessage: string;
  /** The next so many calls fail whatever failRate says; counts down. */
  failNext: number;
  /** Calls get no answer until this is false again or their deadline passes. */
  hang: boolean;
  /** Share of calls whose connection is cut in place of an answer. */
  dropRate: number;
  /** The next so many calls have their connection cut; counts down. */
  dropNext: number;
  scope: 'inference' | 'all';
  /** Only calls for this model; empty is all. */
  model: string;
}

export const noFaults: Readonly<Faults> = {
  latencyMs: 0,
  jitterMs: 0,
  slots: 0,
  failRate: 0,
  failCode: Code.UNAVAILABLE,
  failMessage: 'failing on request',
  failNext: 0,
  hang: false,
  dropRate: 0,
  dropNext: 0,
  scope: 'inference',
  model: '',
};

/** Reads a code by number or name ("UNAVAILABLE"). */
export function codeOf(value: unknown): Code {
  const code = typeof value === 'string' && value in Code ? Code[value as keyof typeof Code] : Number(value);
  if (!Number.isInteger(code) || code < 1 || code > 16) {
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      `failCode: expected a gRPC code but OK, got ${String(value)}`,
    );
  }
  return code as Code;
}

/**
 * Checks settings that came as JSON or flags.
 * @throws StatusError INVALID_ARGUMENT that names the setting.
 */
export function parseFaults(given: unknown): Partial<Faults> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new StatusError(Code.INVALID_ARGUMENT, 'faults: expected an object');
  }
  const faults: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(noFaults, name)) {
      throw new StatusError(Code.INVALID_ARGUMENT, `unknown fault "${name}"`);
    }
    if (name === 'failCode') {
      faults[name] = codeOf(value);
      continue;
    }
    const expected = typeof noFaults[name as keyof Faults];
    const wrong =
      typeof value !== expected ||
      (typeof value === 'number' && !(value >= 0)) ||
      (name === 'scope' && value !== 'inference' && value !== 'all');
    if (wrong)
      throw new StatusError(Code.INVALID_ARGUMENT, `${name}: expected ${expected}, got ${String(value)}`);
    faults[name] = value;
  }
  return faults;
}

/** What befalls one call. */
export type Fate = 'answer' | 'drop';

/**
 * Faults that a demo backend injects into its calls; set() changes them while it runs, and turning `hang` off
 * releases calls that hang.
 */
export class FaultBox {
  #faults: Faults;
  #held = new Set<() => void>();
  #working = 0;
  readonly #waiting = new Set<() => void>();
  #random: () => number;

  constructor(initial: Partial<Faults>, random: () => number) {
    this.#faults = { ...noFaults, ...initial };
    this.#random = random;
  }

  get current(): Readonly<Faults> {
    return this.#faults;
  }

  set(change: Partial<Faults>): void {
    this.#faults = { ...this.#faults, ...change };
    if (!this.#faults.hang) this.#release();
  }

  clear(): void {
    this.#faults = { ...noFaults };
    this.#release();
  }

  /**
   * Waits out the latency and the hang, then says whether the call is answered or its connection cut.
   * `onCancel` registers what ends the waiting when the client goes.
   * @throws StatusError the failure that the call is to get.
   */
  async befall(
    call: { inference: boolean; model: string },
    onCancel: (stop: () => void) => void,
  ): Promise<Fate> {
    const faults = this.#faults;
    if (faults.scope === 'inference' && !call.inference) return 'answer';
    if (faults.model !== '' && faults.model !== call.model) return 'answer';
    // Decided at arrival, so that "the next call" is the next to arrive and not the next to wake.
    const drops = this.#strikes('dropNext', faults.dropRate);
    const fails = !drops && this.#strikes('failNext', faults.failRate);
    const delayMs = faults.latencyMs + faults.jitterMs * this.#random();
    if (delayMs > 0) {
      if (!(await this.#slot(faults.slots, onCancel))) return 'answer';
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delayMs);
        onCancel(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      const [next] = this.#waiting;
      // the slot is handed over, so that nobody who comes now is before those who wait
      if (next === undefined) this.#working--;
      else next();
    }
    if (this.#faults.hang) {
      await new Promise<void>((resolve) => {
        this.#held.add(resolve);
        onCancel(() => {
          this.#held.delete(resolve);
          resolve();
        });
      });
    }
    if (fails) throw new StatusError(faults.failCode, faults.failMessage);
    return drops ? 'drop' : 'answer';
  }

  /** Takes a slot, waiting for one when all are taken; false when the client left meanwhile. */
  #slot(slots: number, onCancel: (stop: () => void) => void): Promise<boolean> {
    if (slots === 0 || this.#working < slots) {
      this.#working++;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const turn = (): void => {
        this.#waiting.delete(turn);
        resolve(true);
      };
      this.#waiting.add(turn);
      onCancel(() => {
        if (this.#waiting.delete(turn)) resolve(false);
      });
    });
  }

  #strikes(counter: 'failNext' | 'dropNext', rate: number): boolean {
    if (this.#faults[counter] > 0) {
      this.#faults[counter]--;
      return true;
    }
    return rate > 0 && this.#random() < rate;
  }

  #release(): void {
    for (const release of this.#held) release();
    this.#held.clear();
  }
}
