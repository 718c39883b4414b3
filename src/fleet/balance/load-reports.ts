/** Turns what backends say of their own load (ORCA) into how much each can carry compared with the others (gRFC A58). */
import { getMetadata, type Metadata } from '../../call/index.ts';
import { decodeLoadReport, type LoadReport } from '../../codec/index.ts';

const trailerName = 'endpoint-load-metrics-bin';
/** A backend that has just begun to report is not believed yet: its first figures are those of a cold server. In ms. */
const blackoutMs = 10_000;
const expiryMs = 180_000;

/** The report in a reply's trailers; undefined when there is none, or none that can be read. */
export function loadReportIn(trailers: Metadata): LoadReport | undefined {
  const text = getMetadata(trailers, trailerName);
  if (text === undefined) return undefined;
  try {
    return decodeLoadReport(Buffer.from(text, 'base64'));
  } catch {
    return undefined;
  }
}

/** The reports of one backend. */
export class ReportedLoad {
  #sinceMs = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #raw = 0;

  said({ utilization, qps, eps }: LoadReport, nowMs: number): void {
    if (!(utilization > 0) || !(qps > 0) || !(eps >= 0)) return;
    if (nowMs - this.#lastMs > expiryMs) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    // calls a second that a whole server would do; errors count as work that was wasted
    this.#raw = qps / (utilization + eps / qps);
  }

  /** Calls a second that it could do by its own account; undefined while it is silent or new. */
  capacity(nowMs: number): number | undefined {
    if (nowMs - this.#lastMs > expiryMs || nowMs - this.#sinceMs < blackoutMs) return undefined;
    return this.#raw;
  }
}

/** Capacities compared with their mean; 1 for who says nothing, and for all when fewer than two say anything. */
export function relativeCapacities(capacities: readonly (number | undefined)[]): number[] {
  const known = capacities.filter((capacity) => capacity !== undefined && Number.isFinite(capacity));
  if (known.length < 2) return capacities.map(() => 1);
  const mean = known.reduce((sum: number, capacity) => sum + (capacity as number), 0) / known.length;
  return capacities.map((capacity) =>
    capacity === undefined || !Number.isFinite(capacity) ? 1 : capacity / mean,
  );
}
