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

/** Objects have a table of their own, which says each default in it. */
const defaultOf = (schema: Schema): string =>
  schema.default === undefined || (typeof schema.default === 'object' && !Array.isArray(schema.default))
    ? ''
    : `\`${JSON.stringify(schema.default)}\``;

/** What is listed or mapped: the schema of one of them, and its place in a path. */
function entryOf({
  patternProperties,
  items,
  anyOf = [],
}: Schema): [entry: Schema, place: string] | undefined {
  if (patternProperties !== undefined) return [Object.values(patternProperties)[0] ?? {}, '.NAME'];
  const list = items ?? anyOf.find((each) => each.items !== undefined)?.items;
  if (list === undefined) return undefined;
  // a backend is a text, or an object that says more
  return [list.properties === undefined ? (list.anyOf?.find((each) => each.properties) ?? list) : list, '[]'];
}

/** A table for each object, those within it after it. */
function sections(schema: Schema, path: string, depth: number): string[] {
  const out: string[] = [];
  const inner: string[] = [];
  const rows: string[] = [];
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const full = path === '' ? key : `${path}.${key}`;
    const [entry, place] = entryOf(value) ?? [];
    if (value.properties !== undefined) inner.push(...sections(value, full, depth + 1));
    else if (entry?.properties !== undefined) inner.push(...sections(entry, `${full}${place}`, depth + 1));
    if (value.properties !== undefined) continue;
    rows.push(`| \`${key}\` | ${typeOf(value)} | ${defaultOf(value)} | ${value.description ?? ''} |`);
  }
  if (path !== '')
    out.push(`\n${'#'.repeat(Math.min(4, depth + 1))} ${path}\n\n${schema.description ?? ''}\n`);
  if (rows.length > 0)
    out.push(['| key | type | default | |', '| --- | --- | --- | --- |', ...rows, ''].join('\n'));
  return [...out, ...inner];
}

/**
 * The schema as editors read it: of a file, in which whatever has a default may be left out. Checked against every
 * file that `check` takes by test/config/published-schema.test.ts.
 */
export function publishedSchema(schema: unknown = configSchema): unknown {
  const written = editorsView(schema) as object;
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    $id: 'urn:tensorgate:configuration',
    title: 'Tensorgate',
    ...written,
  };
}

function editorsView(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(editorsView);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { required, properties, ...rest } = schema as Schema & { required?: readonly string[] };
  const needed = required?.filter((key) => properties?.[key]?.default === undefined) ?? [];
  const inner = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, key === 'default' ? value : editorsView(value)]),
  );
  return {
    ...inner,
    ...(needed.length === 0 ? {} : { required: needed }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([key, value]) => [
              key,
              { title: key, ...(editorsView(value) as object) },
            ]),
          ),
        }),
  };
}

export const configurationPage = `# Configuration

Made from the schema in \`src/config/schema/\` by \`scripts/docs/\`; do not edit. \`tensorgate serve --config FILE\` reads YAML with these
keys, \`tensorgate check FILE\` prints every mistake. \`\${NAME}\` and \`\${NAME:-default}\` in a string come from the environment. Flags of the
command line come before the file. [tensorgate.schema.json](tensorgate.schema.json) is the same for editors.

${sections(configSchema, '', 1).join('\n')}`;
