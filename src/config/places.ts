/** Where in a YAML text the mistakes are: a path such as "fleets.default.backends[1]" as line and column. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from './problem.ts';

/** Each is looked for among all keys; of more than these nobody is told. */
const maxPlaced = 1000;

/** The rest of a path behind one of these begins. */
const isEnd = (rest: string): boolean => rest === '' || rest[0] === '.' || rest[0] === '[';

/** What a path leads to, as far as it does: names may have dots in them. @returns an offset in the text */
function offsetOf(node: unknown, path: string, from: number): number {
  if (path === '') return from;
  if (isMap(node)) {
    // the longest: "a.b" is another name than "a"
    let found: { readonly name: string; readonly value: unknown; readonly at: number } | undefined;
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : '';
      if (name.length <= (found?.name.length ?? 0) || !path.startsWith(name)) continue;
      if (isEnd(path.slice(name.length))) found = { name, value, at: (key as Node).range?.[0] ?? from };
    }
    if (found !== undefined)
      return offsetOf(found.value, path.slice(found.name.length).replace(/^\./, ''), found.at);
  }
  const index = /^\[(\d+)\]\.?/.exec(path);
  if (isSeq(node) && index !== null) {
    const item: unknown = node.items[Number(index[1])];
    return offsetOf(item, path.slice(index[0].length), (item as Node | undefined)?.range?.[0] ?? from);
  }
  return from;
}

/** The same problems with their places, and by these. @param source which has been read as YAML before */
export function withPlaces(problems: readonly Problem[], source: string): Problem[] {
  const lines = new LineCounter();
  const { contents } = parseDocument(source, { uniqueKeys: false, lineCounter: lines });
  const placed = problems.slice(0, maxPlaced).map((problem) => {
    if (problem.path === '' || problem.byFlag === true) return problem;
    const offset = offsetOf(contents, problem.path, -1);
    if (offset < 0) return problem;
    const { line, col } = lines.linePos(offset);
    return { ...problem, line, column: col };
  });
  // as a person goes through the file
  placed.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
  return [...placed, ...problems.slice(maxPlaced)];
}
