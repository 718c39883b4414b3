/** Several workers' metrics as one: the text renderings added up line by line. */
import { numberText } from './family.ts';

/** Figures that mean nothing when added: the largest, smallest or first worker's is kept. Everything else is summed. */
function ruleOf(name: string): 'sum' | 'max' | 'min' | 'first' {
  if (/_backend_(available|up|drained|ejected)$/.test(name)) return 'max';
  if (name.endsWith('_certificate_not_after_timestamp_seconds')) return 'min';
  if (name.endsWith('_config_last_reload_successful')) return 'min';
  if (name.endsWith('_config_last_reload_success_timestamp_seconds')) return 'max';
  if (name.includes('eventloop_lag') || name === 'process_max_fds') return 'max';
  if (name === 'process_start_time_seconds') return 'min';
  if (name.endsWith('_info')) return 'first';
  return 'sum';
}

const rules = {
  sum: (a: number, b: number) => a + b,
  max: Math.max,
  min: Math.min,
  first: (a: number, _b: number) => a,
};

/** One that has no number yet says nothing about the others. */
function combined(rule: (a: number, b: number) => number, a: number, b: number): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : rule(a, b);
}

/** As the text format writes them. */
function numberIn(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}

/** What only ever rises, of a rendering: counters and histograms. */
export function countsOf(body: string): string {
  const kept: string[] = [];
  let head: string[] = [];
  let rises = false;
  for (const line of body.split('\n')) {
    if (line.startsWith('# HELP ')) {
      head = [line];
      rises = false;
    } else if (line.startsWith('# TYPE ')) {
      rises = line.endsWith(' counter') || line.endsWith(' histogram');
      if (rises) kept.push(...head, line);
    } else if (rises && line !== '') kept.push(line);
  }
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`;
}

/** Merges bodies that `render()` gave in several processes; the order of families is that of the first. */
export function mergeRenderings(bodies: readonly string[]): string {
  const families = new Map<string, { head: string[]; lines: Map<string, number> }>();
  for (const body of bodies) {
    let family: { head: string[]; lines: Map<string, number> } | undefined;
    let combine = rules.sum;
    for (const line of body.split('\n')) {
      if (line === '') continue;
      if (line.startsWith('#')) {
        const [, kind, name = ''] = line.split(' ', 3);
        family = families.get(name);
        if (family === undefined) families.set(name, (family = { head: [], lines: new Map() }));
        combine = rules[ruleOf(name)];
        if (!family.head.some((head) => head.startsWith(`# ${kind} `))) family.head.push(line);
        continue;
      }
      const space = line.lastIndexOf(' ');
      const key = line.slice(0, space);
      const value = numberIn(line.slice(space + 1));
      const before = family?.lines.get(key);
      family?.lines.set(key, before === undefined ? value : combined(combine, before, value));
    }
  }
  const out: string[] = [];
  for (const { head, lines } of families.values()) {
    out.push(...head.map((line) => `${line}\n`));
    for (const [key, value] of lines) out.push(`${key} ${numberText(value)}\n`);
  }
  return out.join('');
}
