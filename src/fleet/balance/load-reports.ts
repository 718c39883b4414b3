/**
 * Turns what backends say of their own load (ORCA) into how much each can carry compared with the others (gRFC A58).
 */
import { getMetadata, type Metadata } from '../../call/index.ts';
import { decodeLoadReport, type LoadReport } from '../../codec/index.ts';

const trailerName = 'endpoint-load-metrics-bin';
/** A backend that has just begun to report is not believed yet: its first figures are those of a cold server. In ms. */
const blackoutMs = 10_000;
const expiryMs = 180_000;
/** Fewer reports are no figure, and one is never more than its part of so many: an odd one moves little. */
const minReports = 5;
/** However they differ, no backend is left without work, or gets all of it. */
const mostRelative = 10;

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
  /** Since it began to report; up to minReports. */
  #reports = 0;
  /** Seconds that one call takes of the whole server, on average of late. */
  #cost = 0;

  said({ utilization, qps, eps }: LoadReport, nowMs: number): void {
    if (!(utilization > 0) || !(qps > 0) || !(eps >= 0)) return;
    if (nowMs - this.#lastMs > expiryMs) this.startOver();
    if (this.#reports === 0) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    // calls a second that a whole server would do, the other way round; errors count as work that was wasted
    const cost = (utilization + eps / qps) / qps;
    if (!Number.isFinite(cost) || !(cost > 0)) return;
    // the first reports are those of a cold server, and are forgotten as fast as others come
    this.#reports = Math.min(this.#reports + 1, minReports);
    this.#cost += (cost - this.#cost) / this.#reports;
  }

  /** The server was away, and is cold again. */
  startOver(): void {
    this.#reports = 0;
    this.#cost = 0;
  }

  /** Calls a second that it could do by its own account; undefined while it is silent or new. */
  capacity(nowMs: number): number | undefined {
    if (nowMs - this.#lastMs > expiryMs || this.#reports < minReports) return undefined;
    // what it said while it was new is believed no more for being old
    return this.#lastMs - this.#sinceMs < blackoutMs ? undefined : 1 / this.#cost;
  }
}

/**
 * Capacities compared with the lower median, from a tenth of it to ten times as much; 1 for who says nothing, and for
 * all when fewer than two say anything.
 */
export function relativeCapacities(capacities: readonly (number | undefined)[]): number[] {
  const known = capacities.filter((capacity) => capacity !== undefined).filter(Number.isFinite);
  if (known.length < 2) return capacities.map(() => 1);
  const median = known.toSorted((a, b) => a - b)[(known.length - 1) >> 1] as number;
  return capacities.map((capacity) =>
    capacity === undefined || !Number.isFinite(capacity)
      ? 1
      : Math.min(mostRelative, Math.max(1 / mostRelative, capacity / median)),
  );
}
