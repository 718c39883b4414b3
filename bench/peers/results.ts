/** What was measured, as ratios: a gateway beside its peers, in tables and beside an earlier result. */

export const peers = ['envoy', 'nginx', 'haproxy'] as const;
export type Peer = (typeof peers)[number];
/** `baseline` is another checkout of the gateway, measured in the same rounds. */
export type Column = Peer | 'gateway' | 'baseline';
export type Figures = Readonly<Partial<Record<Column, number>>>;

export interface RowResult {
  /** What a figure counts; less is better. */
  readonly unit: string;
  /** What the gateway's figure is measured by: the best peer's, or 1 (the figure is a multiple of its own). */
  readonly against: 'peers' | 'itself';
  /** Medians of the rounds. */
  readonly figures: Figures;
  /** Whether a later run is held against this one; of times, which move with the machine, it is not. */
  readonly checked: boolean;
}

export interface Result {
  /** ISO 8601, of the day. */
  readonly date: string;
  readonly commit: string;
  /** "2 cores, Envoy 1.40.0, ..." */
  readonly machine: string;
  readonly rounds: number;
  readonly rows: Readonly<Record<string, RowResult>>;
  /** Rows that were not measured, and why. */
  readonly skipped: Readonly<Record<string, string>>;
}

/** bench/peers/last.json: the whole run and the short one, each beside its like. */
export interface Results {
  readonly whole?: Result;
  readonly short?: Result;
}

/** The middle one; of an even number the mean of the two in the middle. @throws RangeError for none */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const upper = sorted[Math.floor(half)];
  const lower = sorted[Math.ceil(half) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('no values have no median');
  return (lower + upper) / 2;
}

/**
 * Best peer / gateway: above 1 the gateway is cheaper. Of a figure that is a multiple of its own, 1 / gateway.
 * @param among only peers that were measured here as well
 * @returns undefined when one side was not measured, or as 0
 */
export function ratioOf(row: RowResult, among: Figures = row.figures): number | undefined {
  const own = row.figures.gateway;
  if (own === undefined || own <= 0) return undefined;
  if (row.against === 'itself') return 1 / own;
  const others = peers.filter((peer) => among[peer] !== undefined).map((peer) => row.figures[peer]);
  const best = Math.min(...others.filter((figure) => figure !== undefined));
  return Number.isFinite(best) ? best / own : undefined;
}

/** A ratio may be so much below the last one: machines differ, and so do hours. */
const tolerance = 0.3;
/** So many runs in turn must be below it. */
export const tries = 3;

/**
 * What the ratios of one row say, in the order that they were measured in, beside the last committed one.
 * @returns `again`: below it so far, with a try left
 */
export function verdictOf(ratios: readonly number[], last: number): 'passed' | 'again' | 'failed' {
  if (ratios.some((ratio) => ratio >= last * (1 - tolerance))) return 'passed';
  return ratios.length < tries ? 'again' : 'failed';
}

/**
 * The last ratio of a row, by the peers that both runs have.
 * @returns undefined when there is nothing to hold it against
 */
export function lastRatio(now: RowResult, last: RowResult | undefined): number | undefined {
  if (last === undefined || !now.checked || last.unit !== now.unit) return undefined;
  return ratioOf(last, now.figures);
}

/** As many digits as mean something: 9.53, 44.5, 1,033. */
export function figureText(figure: number | undefined): string {
  if (figure === undefined) return '-';
  const digits = figure < 10 ? 2 : figure < 100 ? 1 : 0;
  return figure.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const ratioText = (ratio: number | undefined): string => (ratio === undefined ? '-' : ratio.toFixed(2));

function cellsOf(name: string, row: RowResult, baseline: boolean): string[] {
  const { figures } = row;
  const ratio = ratioOf(row);
  const before =
    figures.baseline === undefined ? undefined : figures.baseline / (figures.gateway ?? Number.NaN);
  return [
    name,
    row.unit,
    ...[figures.envoy, figures.nginx, figures.haproxy, figures.gateway].map(figureText),
    ratioText(ratio),
    ...(baseline ? [figureText(figures.baseline), ratioText(before)] : []),
  ];
}

/** The rows as a Markdown table; with columns of the other checkout where that was measured. */
export function tableOf({ rows, skipped }: Pick<Result, 'rows' | 'skipped'>): string {
  const all = Object.entries(rows);
  const baseline = all.some(([, row]) => row.figures.baseline !== undefined);
  const heads = ['row', 'figure', 'Envoy', 'nginx', 'HAProxy', 'Tensorgate', 'best peer / Tensorgate'];
  if (baseline) heads.push('baseline', 'baseline / Tensorgate');
  const lines = [
    heads,
    heads.map((_, i) => (i < 2 ? '---' : '---:')),
    ...all.map(([name, row]) => cellsOf(name, row, baseline)),
  ].map((cells) => `| ${cells.join(' | ')} |`);
  const notes = Object.entries(skipped).map(([name, reason]) => `- ${name}: not measured, ${reason}`);
  return [lines.join('\n'), ...(notes.length === 0 ? [] : [notes.join('\n')])].join('\n\n');
}
