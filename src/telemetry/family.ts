/**
 * Metric families: a name, fixed label names, and one cell per set of label values.
 *
 * Counting is an addition to a cell that its user holds; label objects exist nowhere, and text is made only when
 * somebody scrapes. A family takes a bounded number of series: what comes after that shares one cell.
 */
import { bucketEdgesUs, Histogram } from './histogram.ts';

export interface FamilyOptions {
  /** With the prefix, without the suffixes of a histogram. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Series beyond this many share one whose label values are all "other". */
  readonly maxSeries: number;
}

/** One number; its user adds to it or sets it. */
export interface Cell {
  value: number;
}

interface Series<T> {
  readonly values: readonly string[];
  readonly cell: T;
  /** The texts before the number of each line, made at the first scrape. */
  lines: readonly string[] | undefined;
}

abstract class Family<T> {
  readonly options: FamilyOptions;
  readonly #series = new Map<string, Series<T>>();
  /** Asked-for series that found no room. */
  overflowed = 0;

  constructor(options: FamilyOptions) {
    this.options = options;
  }

  protected abstract create(): T;
  protected abstract linesOf(labels: string): readonly string[];
  protected abstract print(lines: readonly string[], cell: T, out: string[]): void;
  abstract readonly type: 'counter' | 'gauge' | 'histogram';

  get size(): number {
    return this.#series.size;
  }

  /** The cell of these label values, in the order of the label names; the same object every time. */
  cell(...values: string[]): T {
    const key = keyOf(values);
    const known = this.#series.get(key);
    if (known !== undefined) return known.cell;
    if (this.#series.size >= this.options.maxSeries) {
      this.overflowed++;
      const other = this.options.labels.map(() => 'other');
      return this.#series.get(keyOf(other))?.cell ?? this.#add(other);
    }
    return this.#add(values);
  }

  /** The cell of these label values, when there is one. */
  peek(...values: string[]): T | undefined {
    return this.#series.get(keyOf(values))?.cell;
  }

  #add(values: readonly string[]): T {
    const series = { values, cell: this.create(), lines: undefined };
    this.#series.set(keyOf(values), series);
    return series.cell;
  }

  /** Forgets the series whose label has this value. */
  drop(label: string, value: string): void {
    this.dropAll({ [label]: value });
  }

  /** Forgets the series whose labels have all of these values. */
  dropAll(labels: Readonly<Record<string, string>>): void {
    const wanted = Object.entries(labels).map(
      ([label, value]) => [this.options.labels.indexOf(label), value] as const,
    );
    for (const [key, { values }] of this.#series)
      if (wanted.every(([at, value]) => values[at] === value)) this.#series.delete(key);
  }

  /** Appends the text of all series, in the Prometheus text format 0.0.4. */
  write(out: string[]): void {
    const { name, help } = this.options;
    out.push(`# HELP ${name} ${help}\n# TYPE ${name} ${this.type}\n`);
    for (const series of this.#series.values()) {
      series.lines ??= this.linesOf(labelText(this.options.labels, series.values));
      this.print(series.lines, series.cell, out);
    }
  }
}

/** Counters or gauges. */
export class NumberFamily extends Family<Cell> {
  readonly type: 'counter' | 'gauge';

  constructor(type: 'counter' | 'gauge', options: FamilyOptions) {
    super(options);
    this.type = type;
    // a counter that begins with its first event never rises to whoever looks at rates
    if (options.labels.length === 0) this.cell();
  }

  protected create(): Cell {
    return { value: 0 };
  }

  protected linesOf(labels: string): readonly string[] {
    return [`${this.options.name}${labels === '' ? '' : `{${labels}}`} `];
  }

  protected print(lines: readonly string[], cell: Cell, out: string[]): void {
    out.push(`${lines[0]}${numberText(cell.value)}\n`);
  }
}

/** Histograms over {@link bucketEdgesUs}. */
export class HistogramFamily extends Family<Histogram> {
  readonly type = 'histogram';

  protected create(): Histogram {
    return new Histogram();
  }

  protected linesOf(labels: string): readonly string[] {
    const { name } = this.options;
    const all = labels === '' ? '' : `{${labels}}`;
    const first = labels === '' ? '' : `${labels},`;
    const edges = [...bucketEdgesUs.map(String), '+Inf'];
    return [
      ...edges.map((edge) => `${name}_bucket{${first}le="${edge}"} `),
      `${name}_sum${all} `,
      `${name}_count${all} `,
    ];
  }

  protected print(lines: readonly string[], cell: Histogram, out: string[]): void {
    const { buckets } = cell;
    let below = 0;
    for (let i = 0; i < buckets.length; i++) {
      below += buckets[i] as number;
      out.push(`${lines[i]}${below}\n`);
    }
    out.push(`${lines[buckets.length]}${cell.sumUs}\n${lines[buckets.length + 1]}${cell.count}\n`);
  }
}

/** As the text format writes numbers. */
export function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** Joining makes a new text each time, and most of what is looked up on a call has one label. */
function keyOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] as string) : values.join('\u0000');
}

/** `a="x",b="y"`; an empty value is as good as no label to Prometheus, so it is left out. */
function labelText(names: readonly string[], values: readonly string[]): string {
  const parts: string[] = [];
  names.forEach((name, i) => {
    const value = values[i] ?? '';
    if (value !== '') parts.push(`${name}="${escapeLabel(value)}"`);
  });
  return parts.join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
