/** Writes the documents that are made from the code: the configuration's reference and its JSON schema; --check compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { configSchema } from '../src/config/index.ts';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly const?: unknown;
}

const root = new URL('../', import.meta.url);

function typeOf(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(' or ');
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {})}s`;
  if (schema.patternProperties !== undefined)
    return `map of ${typeOf(Object.values(schema.patternProperties)[0] ?? {})}s`;
  return schema.type ?? '';
}

const defaultOf = (schema: Schema): string =>
  schema.default === undefined || typeof schema.default === 'object'
    ? ''
    : `\`${JSON.stringify(schema.default)}\``;

/** A table for each object, those within it after it. */
function sections(schema: Schema, path: string, depth: number): string[] {
  const out: string[] = [];
  const inner: string[] = [];
  const rows: string[] = [];
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const full = path === '' ? key : `${path}.${key}`;
    const entry =
      value.patternProperties === undefined ? undefined : Object.values(value.patternProperties)[0];
    if (value.properties !== undefined) inner.push(...sections(value, full, depth + 1));
    else if (entry?.properties !== undefined) inner.push(...sections(entry, `${full}.NAME`, depth + 1));
    if (value.properties !== undefined) continue;
    rows.push(`| \`${key}\` | ${typeOf(value)} | ${defaultOf(value)} | ${value.description ?? ''} |`);
  }
  if (path !== '')
    out.push(`\n${'#'.repeat(Math.min(4, depth + 1))} ${path}\n\n${schema.description ?? ''}\n`);
  if (rows.length > 0)
    out.push(['| key | type | default | |', '| --- | --- | --- | --- |', ...rows, ''].join('\n'));
  return [...out, ...inner];
}

const markdown = `# Configuration

Made from the schema in \`src/config/schema/\` by \`scripts/docs.ts\`; do not edit. \`tensorgate serve --config FILE\` reads YAML with these
keys, \`tensorgate check FILE\` prints every mistake. \`\${NAME}\` and \`\${NAME:-default}\` in a string come from the environment. Flags of the
command line come before the file. [tensorgate.schema.json](tensorgate.schema.json) is the same for editors.

${sections(configSchema, '', 1).join('\n')}`;

const documents: readonly (readonly [path: string, text: string])[] = [
  ['docs/configuration.md', await format(markdown, { parser: 'markdown', printWidth: 140 })],
  [
    'docs/tensorgate.schema.json',
    await format(JSON.stringify(configSchema), { parser: 'json', printWidth: 110 }),
  ],
];
let stale = false;
for (const [path, text] of documents) {
  const url = new URL(path, root);
  if (process.argv.includes('--check')) {
    let now = '';
    try {
      now = readFileSync(url, 'utf8');
    } catch {
      // missing is stale too
    }
    if (now === text) continue;
    stale = true;
    console.error(`${path} is out of date: run node scripts/docs.ts`);
  } else writeFileSync(url, text);
}
process.exitCode = stale ? 1 : 0;
