/** What a demo server remembers of the calls it got, for tests that ask what reached the backend. */

/** A call as it arrived. */
export interface SeenCall {
  readonly method: string;
  readonly model: string;
  /** Custom metadata, in no particular order. */
  readonly metadata: readonly (readonly [string, string])[];
  /** Milliseconds left of the deadline when it arrived; undefined without one. */
  readonly timeoutMs: number | undefined;
  /** The request message, when it is not larger than `maxKeptBytes`. */
  readonly request: Uint8Array | undefined;
}

/** A megabyte: enough for tests that compare bytes, too little to matter. */
const maxKeptBytes = 1024 * 1024;

/** Models come from clients here, and these are only counters of a demo: more names than this are counted as "...". */
const maxNames = 100;

/** Counts the calls that a demo backend has seen, by method and model, and keeps the last one. */
export class CallRecord {
  #counts = new Map<string, number>();
  last: SeenCall | undefined;
  inFlight = 0;
  maxInFlight = 0;
  /** Inference calls for models or versions that are not AVAILABLE here. */
  misdirected = 0;

  seen(call: SeenCall): void {
    const name = `${call.method} ${call.model}`.trim();
    const key = this.#counts.has(name) || this.#counts.size < maxNames ? name : '...';
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.last =
      call.request !== undefined && call.request.length > maxKeptBytes
        ? { ...call, request: undefined }
        : call;
    this.inFlight++;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
  }

  ended(): void {
    this.inFlight--;
  }

  /** "Predict half_plus_two" to the number of such calls. */
  counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  reset(): void {
    this.#counts.clear();
    this.last = undefined;
    this.misdirected = 0;
    this.maxInFlight = this.inFlight;
  }
}
