/** A configuration file's text as values, or what is wrong with it as YAML. */
import { isScalar, parseDocument, visit } from 'yaml';
import { ConfigError } from './problem.ts';

/** Lists and maps within each other; a file that contains itself, by way of an alias, has no end of them. */
const maxDepth = 32;
/** The library looks for each one's anchor among all anchors and aliases before it. */
const maxAliases = 1000;

function tooDeep(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth > maxDepth || Object.values(value).some((inner) => tooDeep(inner, depth + 1));
}

/** @param path for messages. @throws ConfigError */
export function readYaml(source: string, path: string): unknown {
  const fail = (what: string, line?: number): never => {
    const place = line === undefined ? '' : ` (line ${line})`;
    throw new ConfigError([{ path: '', message: `${path} is no YAML${place}: ${what}` }]);
  };
  // the library looks for keys that are there twice by comparing each with all others: seconds for ten thousand models
  const document = parseDocument(source, { uniqueKeys: false });
  const [mistake] = [...document.errors, ...document.warnings];
  if (mistake !== undefined) fail(mistake.message.split('\n', 1)[0] ?? '', mistake.linePos?.[0].line);
  let aliases = 0;
  visit(document, {
    Alias() {
      if (++aliases > maxAliases) fail(`there are more than ${maxAliases} aliases`);
    },
    Map(_, map) {
      const keys = new Set<unknown>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : key;
        if (keys.has(name)) {
          const at = isScalar(key) ? key.range?.[0] : undefined;
          fail(
            `the key ${String(name)} is there twice`,
            at === undefined ? undefined : source.slice(0, at).split('\n').length,
          );
        }
        keys.add(name);
      }
    },
  });
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    fail((error as Error).message.split('\n', 1)[0] ?? '');
  }
  if (tooDeep(value)) fail(`lists and maps are nested deeper than ${maxDepth} levels`);
  return value ?? {};
}
