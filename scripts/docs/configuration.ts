/** The configuration's reference: a table for each section of the schema. */
import { configSchema } from '../../src/config/index.ts';

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

export const configurationPage = `# Configuration

Made from the schema in \`src/config/schema/\` by \`scripts/docs/\`; do not edit. \`tensorgate serve --config FILE\` reads YAML with these
keys, \`tensorgate check FILE\` prints every mistake. \`\${NAME}\` and \`\${NAME:-default}\` in a string come from the environment. Flags of the
command line come before the file. [tensorgate.schema.json](tensorgate.schema.json) is the same for editors.

${sections(configSchema, '', 1).join('\n')}`;
