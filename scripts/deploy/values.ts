/** What is made from the chart's values.yaml: the schema that Helm checks values by, and the README's table. */
import { isMap, isPair, isScalar, parseDocument, type Pair, type YAMLMap } from 'yaml';
import { publishedSchema } from '../docs/configuration.ts';

interface Value {
  /** As in `--set`: image.tag. */
  readonly path: string;
  readonly description: string;
  readonly value: unknown;
}

/** Values that may be more than what their default is. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  'podDisruptionBudget.maxUnavailable': ['integer', 'string'],
  'autoscaling.targetQueuedRequests': ['integer', 'string'],
};

const least: Readonly<Record<string, number>> = { replicaCount: 0, terminationSpareSeconds: 5 };

/** A comment that begins with `--` describes the value below it. */
function describedBy(pair: Pair): string | undefined {
  const comment = isScalar(pair.key) ? (pair.key.commentBefore ?? undefined) : undefined;
  const text = comment
    ?.split(/\n\s*\n/)
    .at(-1)
    ?.split('\n')
    .map((line) => line.trim())
    .join(' ');
  return text?.startsWith('-- ') === true ? text.slice(3) : undefined;
}

function* walk(map: YAMLMap, above: string, first?: string): Generator<Value> {
  for (const [i, pair] of map.items.entries()) {
    if (!isPair(pair) || !isScalar(pair.key)) continue;
    const path = above === '' ? String(pair.key.value) : `${above}.${String(pair.key.value)}`;
    // the comment of a map's first key stands before the map
    const description =
      describedBy(pair) ??
      (i === 0 && first?.startsWith(' -- ') === true ? first.slice(4).replace(/\n\s*/g, ' ') : undefined);
    const value = pair.value;
    if (description === undefined && isMap(value) && value.items.length > 0)
      yield* walk(value, path, value.commentBefore ?? undefined);
    else if (description === undefined) throw new Error(`values.yaml: ${path} has no description (# -- ...)`);
    else
      yield {
        path,
        description,
        value: isMap(value) || value !== null ? (value as { toJSON(): unknown }).toJSON() : null,
      };
  }
}

export function valuesOf(text: string): readonly Value[] {
  const { contents } = parseDocument(text);
  if (!isMap(contents)) throw new Error('values.yaml is no map');
  return [...walk(contents, '', contents.commentBefore ?? undefined)];
}

/** What a default says of a value's type. Maps and lists that hold what Kubernetes reads are its business. */
function typed({ path, description, value }: Value): object {
  const type = Array.isArray(value) ? 'array' : Number.isInteger(value) ? 'integer' : typeof value;
  const minimum = type === 'integer' ? { minimum: least[path] ?? 0 } : {};
  return { description, type: kinds[path] ?? type, ...minimum };
}

interface Node {
  properties: Record<string, object>;
}

export function valuesSchema(text: string): unknown {
  const root: Node = {
    properties: { global: { type: 'object', description: 'Of a chart above this one.' } },
  };
  for (const value of valuesOf(text)) {
    const names = value.path.split('.');
    const last = names.pop() ?? '';
    let at = root;
    for (const name of names)
      at = (at.properties[name] ??= { type: 'object', additionalProperties: false, properties: {} }) as Node;
    at.properties[last] = value.path === 'config' ? configuration() : typed(value);
  }
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart of Tensorgate',
    type: 'object',
    additionalProperties: false,
    ...root,
  };
}

/** The configuration's own schema: what it refuses, an install refuses. */
function configuration(): object {
  const { $schema: _schema, $id: _id, ...schema } = publishedSchema() as Record<string, unknown>;
  return schema;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

export function chartReadme(text: string, chart: { version: string; description: string }): string {
  const rows = valuesOf(text).map(
    ({ path, description, value }) =>
      `| \`${path}\` | ${Array.isArray(value) ? 'list' : Number.isInteger(value) ? 'int' : typeof value === 'boolean' ? 'bool' : typeof value} | \`${cell(JSON.stringify(value))}\` | ${cell(description)} |`,
  );
  return `# tensorgate

Made from \`values.yaml\` by \`scripts/deploy/\`; do not edit. Version ${chart.version}. ${chart.description}.

\`\`\`console
helm install gateway deploy/helm/tensorgate --values values.yaml
\`\`\`

\`values.yaml\` needs one thing, the configuration:

\`\`\`yaml
config:
  fleets:
    default:
      discovery:
        kubernetes: { service: tfs, port: grpc, scheme: tfs }
\`\`\`

- **\`config\` is the configuration**, the file that the gateway reads, with every key of docs/configuration.md. A key that does not exist, or a
  value that cannot be, ends \`helm install\`, \`helm template\` and \`helm lint\` with its path. What only the gateway can see (files, mistakes between
  values) is refused by it: at the start by exit code 78, at a reload by keeping the old one.
- **A change restarts nothing** where a reload will do: the running pods read the changed file about a minute after \`helm upgrade\` (the kubelet's
  period). Ports, hosts, \`workers\`, \`telemetry.metricsPrefix\` and the bounds of metrics do restart, by an annotation with their checksum; so
  does every other change of the Deployment itself.
- **Secrets** stay where they are: \`redis.existingSecret\` is the variable \`REDIS_URL\`, \`tls.existingSecret\` a folder of files that is watched,
  \`env\`, \`envFrom\` and \`extraVolumes\` are for the rest.
- **A stop** has \`config.shutdown\` and \`terminationSpareSeconds\`; there is no preStop hook, since the gateway drains by itself.
- **Rights**: the restricted Pod Security Standard; a token of the service account only where a fleet uses \`discovery.kubernetes\`, with a
  Role that reads EndpointSlices in these namespaces.
- Examples of values, each rendered and validated by the tests: \`ci/\`.

## Values

| key | type | default | |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}
