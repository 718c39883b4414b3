/** A configuration file's text as values, or what is wrong with it as YAML. */
import { isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { ConfigError, type Problem } from './problem.ts';

/** Lists and maps within each other; a file that contains itself, by way of an alias, has no end of them. */
const maxDepth = 32;
/** The library looks for each one's anchor among all anchors and aliases before it. */
const maxAliases = 1000;

function tooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth > maxDepth || Object.values(value).some((inner) => tooDeep(inner, depth + 1));
}

/** @param path for messages. @throws ConfigError with every mistake, each with its place */
export function readYaml(source: string, path: string): unknown {
  const lines = new LineCounter();
  const problems: Problem[] = [];
  const add = (what: string, offset?: number): void => {
    const message = `${path} is no YAML: ${what}`;
    if (offset === undefined) problems.push({ path: '', message });
    else {
      const { line, col } = lines.linePos(offset);
      problems.push({ path: '', message, line, column: col });
    }
  };
  // the library looks for keys that are there twice by comparing each with all others: seconds for ten thousand models
  const document = parseDocument(source, { uniqueKeys: false, lineCounter: lines });
  for (const { message, pos } of [...document.errors, ...document.warnings])
    add(message.split('\n', 1)[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? '', pos[0]);
  if (problems.length > 0) throw new ConfigError(problems);
  let aliases = 0;
  visit(document, {
    Alias() {
      aliases++;
    },
    Map(_, map) {
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : key;
        if (keys.has(name))
          add(`the key ${String(name)} is there twice`, isScalar(key) ? key.range?.[0] : undefined);
        keys.add(name);
      }
    },
  });
  if (aliases > maxAliases) add(`there are more than ${maxAliases} aliases`);
  if (problems.length > 0) throw new ConfigError(problems);
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    add((error as Error).message.split('\n', 1)[0] ?? '');
  }
  if (tooDeep(value)) add(`lists and maps are nested deeper than ${maxDepth} levels`);
  if (problems.length > 0) throw new ConfigError(problems);
  return value ?? {};
}
