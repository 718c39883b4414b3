/** Where in a YAML text the mistakes are: a path such as "fleets.default.backends[1]" as line and column. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from './problem.ts';

/** The rest of a path behind one of these begins. */
const isEnd = (rest: string): boolean => rest === '' || rest[0] === '.' || rest[0] === '[';

/** What a path leads to, as far as it does: names may have dots in them. @returns an offset in the text */
function offsetOf(node: unknown, path: string, from: number): number {
  if (path === '') return from;
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      const rest = path.slice(name.length);
      if (name === '' || !path.startsWith(name) || !isEnd(rest)) continue;
      const at = (key as Node).range?.[0] ?? from;
      return offsetOf(value, rest.replace(/^\./, ''), at);
    }
  }
  const index = /^\[(\d+)\]\.?/.exec(path);
  if (isSeq(node) && index !== null) {
    const item: unknown = node.items[Number(index[1])];
    return offsetOf(item, path.slice(index[0].length), (item as Node | undefined)?.range?.[0] ?? from);
  }
  return from;
}

/** The same problems, with their places. @param source which has been read as YAML before */
export function withPlaces(problems: readonly Problem[], source: string): Problem[] {
  const lines = new LineCounter();
  const { contents } = parseDocument(source, { uniqueKeys: false, lineCounter: lines });
  return problems.map((problem) => {
    if (problem.path === '' || problem.line !== undefined) return problem;
    const offset = offsetOf(contents, problem.path, -1);
    if (offset < 0) return problem;
    const { line, col } = lines.linePos(offset);
    return { ...problem, line, column: col };
  });
}
