/** The Helm chart: what Helm and the schemas of Kubernetes say of it, and that it agrees with the gateway. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { loadSnapshot } from '../../src/config/index.ts';
import { missing, run, tool } from '../support/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const chart = join(root, 'deploy/helm/tensorgate');
const sets = readdirSync(join(chart, 'ci')).map((file) => file.replace('-values.yaml', ''));
const valuesFile = (set: string): string => join(chart, 'ci', `${set}-values.yaml`);

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

const helm = (...args: readonly string[]) => run(tool('helm') ?? 'helm', [...args]);

const kept = new Map<string, Promise<readonly Manifest[]>>();

/** The manifests of a set of values, in the namespace `models`. */
function rendered(set: string, ...flags: readonly string[]): Promise<readonly Manifest[]> {
  const key = [set, ...flags].join(' ');
  const found = kept.get(key) ?? render(set, flags);
  kept.set(key, found);
  return found;
}

async function render(set: string, flags: readonly string[]): Promise<readonly Manifest[]> {
  const { code, stdout, stderr } = await helm(
    ...['template', 'gateway', chart, '--namespace', 'models', '--values', valuesFile(set), ...flags],
  );
  assert.equal(code, 0, stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

/** What Helm says of values that it refuses. */
async function refusal(values: object): Promise<string> {
  const { code, stderr } = await run(
    tool('helm') ?? 'helm',
    ['template', 'gateway', chart, '--values', '-'],
    { input: stringify(values) },
  );
  assert.notEqual(code, 0, 'it was not refused');
  return stderr;
}

const one = (manifests: readonly Manifest[], kind: string): Manifest => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  assert.ok(found[0] !== undefined, `no ${kind}`);
  return found[0];
};
const kinds = (manifests: readonly Manifest[]): ReadonlySet<string> =>
  new Set(manifests.map(({ kind }) => kind));

const fleets = { default: { backends: ['tfs://serving:8500'] } };
const tlsFiles = { cert: '/etc/tensorgate-tls/tls.crt', key: '/etc/tensorgate-tls/tls.key' };

describe('the chart', { skip: missing('helm') }, () => {
  it('has ten sets of values or more', () => {
    assert.ok(sets.length >= 10, sets.join());
  });

  it('is linted without a warning, with each set of values', async () => {
    for (const set of sets) {
      const { code, stdout, stderr } = await helm('lint', '--strict', chart, '--values', valuesFile(set));
      assert.equal(code, 0, `${set}: ${stdout}${stderr}`);
    }
  });

  it('gives the gateway the value `config` as its configuration, which it takes', async () => {
    for (const set of sets) {
      const { config } = parse(readFileSync(valuesFile(set), 'utf8')) as { config: object };
      const text = one(await rendered(set), 'ConfigMap').data?.['tensorgate.yaml'] ?? '';
      assert.deepEqual(parse(text), config, set);
      const folder = mkdtempSync(join(tmpdir(), 'chart-'));
      try {
        writeFileSync(join(folder, 'tensorgate.yaml'), text);
        loadSnapshot(join(folder, 'tensorgate.yaml'), {}, { REDIS_URL: 'redis://redis:6379/0' });
      } catch (error) {
        // the mounted Secrets and ConfigMaps are not here: that they are looked for is right
        assert.match(
          String(error),
          /\/etc\/(tensorgate-tls|authorities)\/|\/var\/run\/secrets\//,
          `${set}: ${String(error)}`,
        );
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
  });

  it('refuses a configuration that the gateway would refuse, by the name of the key', async () => {
    const mistakes: readonly (readonly [object, RegExp])[] = [
      [{ fleets, retries: {} }, /config.*retries/s],
      [{ fleets, doors: { restPort: 80_000 } }, /config.*doors.*restPort/s],
      [{ fleets, shutdown: { drainMs: 'soon' } }, /config.*shutdown.*drainMs/s],
      [{ fleets: { default: { backend: ['tfs://serving:8500'] } } }, /config.*fleets.*default.*backend/s],
      [{ fleets, models: { resnet: { split: [{ weight: -1 }] } } }, /config.*resnet.*split.*weight/s],
    ];
    for (const [config, said] of mistakes) assert.match(await refusal({ config }), said);
    assert.match(await refusal({ config: { fleets }, replicas: 3 }), /replicas/);
    assert.match(await refusal({ config: { fleets }, image: { tags: 'x' } }), /image.*tags/s);
  });

  it('refuses values that do not go together, and says which', async () => {
    const pairs: readonly (readonly [object, RegExp])[] = [
      [{}, /config\.fleets is empty/],
      [{ config: { fleets, doors: { adminPort: 0 } } }, /config\.doors\.adminPort is 0/],
      [{ config: { fleets, doors: { adminHost: '127.0.0.1' } } }, /config\.doors\.adminHost .* 127\.0\.0\.1/],
      [{ config: { fleets }, tls: { existingSecret: 'a' } }, /set config\.doors\.tls/],
      [{ config: { fleets, doors: { tls: tlsFiles } } }, /set tls\.existingSecret/],
      [{ config: { fleets }, redis: { existingSecret: 'a' } }, /set config\.cache\.redisUrl/],
      [
        { config: { fleets, doors: { tls: tlsFiles } }, certificate: { enabled: true } },
        /certificate\.issuerRef\.name is missing/,
      ],
      [{ config: { fleets }, httpRoute: { enabled: true } }, /httpRoute\.parentRefs is empty/],
      [
        {
          config: { fleets },
          serviceMonitor: { enabled: true },
          service: { admin: { enabled: false } },
        },
        /serviceMonitor\.enabled needs service\.admin\.enabled/,
      ],
    ];
    for (const [values, said] of pairs) assert.match(await refusal(values), said);
  });

  it('gives a stop more time than the drain takes, and what is stuck', async () => {
    const graceOf = async (set: string): Promise<number> =>
      (
        one(await rendered(set), 'Deployment').spec as {
          template: { spec: { terminationGracePeriodSeconds: number } };
        }
      ).template.spec.terminationGracePeriodSeconds;
    const { graceMs, drainMs } = loadSnapshot(join(root, 'deploy/tensorgate.yaml'), {}, {}).config.shutdown;
    assert.equal(await graceOf('default'), (graceMs + drainMs) / 1000 + 10);
    assert.equal(await graceOf('autoscaling'), 10 + 121 + 10);
  });

  it('has the ports of the schema where the configuration names none', async () => {
    const { doors } = loadSnapshot(join(root, 'deploy/tensorgate.yaml'), {}, {}).config;
    const service = one(await rendered('default'), 'Service').spec as { ports: { port: number }[] };
    assert.deepEqual(
      service.ports.map(({ port }) => port),
      [doors.restPort, doors.grpcPort],
    );
  });

  it('asks for rights only where a fleet is discovered, in its namespace', async () => {
    const plain = await rendered('default');
    assert.ok(!kinds(plain).has('Role') && !kinds(plain).has('RoleBinding'));
    const found = await rendered('discovery');
    const roles = found.filter(({ kind }) => kind === 'Role');
    assert.deepEqual(roles.map(({ metadata }) => metadata.namespace).sort(), ['models', 'vision']);
    for (const role of roles)
      assert.deepEqual((role as unknown as { rules: unknown }).rules, [
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      ]);
    const token = (manifests: readonly Manifest[]): unknown =>
      (one(manifests, 'Deployment').spec as { template: { spec: Record<string, unknown> } }).template.spec
        .automountServiceAccountToken;
    assert.equal(token(plain), false);
    assert.equal(token(found), true);
  });

  it('restarts pods for what a reload refuses, and for nothing else of the configuration', async () => {
    const template = async (...flags: readonly string[]): Promise<string> =>
      JSON.stringify((one(await rendered('default', ...flags), 'Deployment').spec ?? {}).template);
    const before = await template();
    assert.equal(await template('--set', 'config.retry.maxAttempts=2'), before);
    assert.equal(await template('--set', 'config.fleets.other.backends[0]=tfs://other:8500'), before);
    assert.notEqual(await template('--set', 'config.workers=2'), before);
    assert.notEqual(await template('--set', 'config.telemetry.metricsPrefix=models'), before);
    assert.notEqual(await template('--set', 'config.doors.restPort=8080'), before);
  });

  it('keeps to the restricted Pod Security Standard', async () => {
    for (const set of sets) {
      const { spec } = (
        one(await rendered(set), 'Deployment').spec as {
          template: {
            spec: { securityContext: object; containers: { securityContext: object }[]; volumes: object[] };
          };
        }
      ).template;
      assert.partialDeepStrictEqual(spec.securityContext, {
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      assert.deepEqual(
        spec.containers.map(({ securityContext }) => securityContext),
        [
          {
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'] },
          },
        ],
      );
    }
  });

  it('has a budget of errors for each model that `slo` names, and the metrics’ prefix of the configuration', async () => {
    const rules = async (...flags: readonly string[]): Promise<string> =>
      JSON.stringify(one(await rendered('monitoring', ...flags), 'PrometheusRule').spec);
    const said =
      '0 * tensorgate:calls:rate5m{name=\\"resnet\\"} + (1 - 0.99) or 0 * tensorgate:calls:rate5m + (1 - 0.995)';
    assert.ok((await rules()).includes(said));
    assert.match(await rules(), /https:\/\/docs\.example\/runbooks#tensorgatefault"/);
    const other = await rules('--set', 'config.telemetry.metricsPrefix=models');
    assert.doesNotMatch(other, /tensorgate_/);
    assert.match(other, /models_requests_success/);
  });

  it('tells the first call to make', async () => {
    const { stdout, stderr, code } = await helm(
      ...['install', 'gateway', chart, '--dry-run=client', '--values', valuesFile('default')],
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /curl http:\/\/127\.0\.0\.1:8000\/v1\/models\/MODEL\n/);
  });

  it('has its schema, its README and kubernetes.yaml as they are made', async () => {
    const { code, stderr } = await run(process.execPath, [join(root, 'scripts/deploy/main.ts'), '--check']);
    assert.equal(code, 0, stderr);
  });
});

describe('what the chart renders', { skip: missing('helm', 'kubeconform', 'kubernetes', 'crds') }, () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'chart-'));
    mkdirSync(join(folder, 'schemas'));
    mkdirSync(join(folder, 'manifests'));
    for (const name of coreKinds) writeCoreSchema(name, join(folder, 'schemas'));
    for (const file of readdirSync(tool('crds') ?? '').filter((name) => name.endsWith('.yaml')))
      writeSchemas(join(tool('crds') ?? '', file), join(folder, 'schemas'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is valid by the schemas of Kubernetes and of the custom resources, strictly', async () => {
    const seen = new Set<string>();
    for (const set of sets) {
      const manifests = await rendered(set);
      for (const kind of kinds(manifests)) seen.add(kind);
      writeFileSync(
        join(folder, 'manifests', `${set}.yaml`),
        manifests.map((manifest) => stringify(manifest)).join('---\n'),
      );
    }
    const plain = readFileSync(join(root, 'deploy/kubernetes.yaml'), 'utf8');
    writeFileSync(join(folder, 'manifests', 'kubernetes.yaml'), plain);
    const { code, stdout, stderr } = await run(tool('kubeconform') ?? '', [
      ...['-strict', '-summary', '-verbose', '-output', 'text'],
      ...['-schema-location', join(folder, 'schemas', '{{.ResourceKind}}{{.KindSuffix}}.json')],
      join(folder, 'manifests'),
    ]);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /Invalid: 0, Errors: 0, Skipped: 0/);
    for (const kind of expectedKinds) assert.ok(seen.has(kind), `no set of values makes a ${kind}`);
  });

  it('would be refused with a field that does not exist', async () => {
    for (const kind of ['Deployment', 'HTTPRoute', 'Certificate', 'ServiceMonitor']) {
      const manifests = (await Promise.all(sets.map((set) => rendered(set)))).flat();
      const wrong = { ...one(manifests, kind), spec: { ...one(manifests, kind).spec, wrongField: 1 } };
      const { code, stdout } = await run(
        tool('kubeconform') ?? '',
        [
          '-strict',
          ...['-schema-location', join(folder, 'schemas', '{{.ResourceKind}}{{.KindSuffix}}.json')],
        ],
        { input: stringify(wrong) },
      );
      assert.equal(code, 1, kind);
      assert.match(stdout, /wrongField/);
    }
  });
});

const expectedKinds = [
  ...['ConfigMap', 'Deployment', 'Service', 'ServiceAccount', 'Role', 'RoleBinding', 'PodDisruptionBudget'],
  ...['HorizontalPodAutoscaler', 'NetworkPolicy', 'HTTPRoute', 'GRPCRoute', 'Certificate'],
  ...['ServiceMonitor', 'PodMonitor', 'PrometheusRule'],
];

const coreKinds = [
  ...[
    'configmap-v1',
    'deployment-apps-v1',
    'service-v1',
    'serviceaccount-v1',
    'role-rbac-v1',
    'rolebinding-rbac-v1',
  ],
  ...[
    'poddisruptionbudget-policy-v1',
    'horizontalpodautoscaler-autoscaling-v2',
    'networkpolicy-networking-v1',
  ],
];

/** The newest strict schemas that the venv brings. */
function coreSchemas(): string {
  const lib = join(dirname(dirname(tool('kubernetes') ?? '')), 'lib');
  const packages = join(lib, readdirSync(lib)[0] ?? '', 'site-packages');
  const all = join(packages, 'kubernetes_validate', 'kubernetes-json-schema');
  const newest = readdirSync(all)
    .filter((name) => name.endsWith('-strict'))
    .sort()
    .at(-1);
  return join(all, newest ?? '');
}

let definitions: Readonly<Record<string, unknown>> | undefined;

/** A schema of Kubernetes with all that it refers to, which lies in one large file of an address that is none. */
function writeCoreSchema(name: string, folder: string): void {
  const schemas = coreSchemas();
  definitions ??= (
    JSON.parse(readFileSync(join(schemas, '_definitions.json'), 'utf8')) as { $defs: Record<string, unknown> }
  ).$defs;
  const all = definitions;
  const needed: Record<string, unknown> = {};
  const own = (schema: unknown): unknown =>
    JSON.parse(JSON.stringify(schema), (key, value: unknown) => {
      const of = key === '$ref' && typeof value === 'string' ? value.split('#/$defs/')[1] : undefined;
      if (of === undefined) return value;
      if (!(of in needed)) {
        needed[of] = true;
        needed[of] = own(all[of]);
      }
      return `#/$defs/${of}`;
    });
  const schema = own(JSON.parse(readFileSync(join(schemas, `${name}.json`), 'utf8'))) as object;
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ ...schema, $defs: needed }));
}

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { openAPIV3Schema: Schema } }[];
  };
}
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly [key: string]: unknown;
}

/** The schemas of a CustomResourceDefinition, under the names that kubeconform looks for. */
function writeSchemas(file: string, folder: string): void {
  const definition = parseAllDocuments(readFileSync(file, 'utf8'))
    .map((document) => document.toJS() as Definition | null)
    .find((each) => each !== null);
  assert.ok(definition !== undefined, file);
  const { group, names, versions } = definition.spec;
  for (const { name, schema } of versions) {
    const path = `${names.kind.toLowerCase()}-${group.split('.')[0] ?? ''}-${name}.json`;
    writeFileSync(join(folder, path), JSON.stringify(strict(schema.openAPIV3Schema, true)));
  }
}

/** As an API server with strict field validation: no field that the definition has not. */
function strict(schema: unknown, top = false): unknown {
  if (Array.isArray(schema)) return schema.map((each) => strict(each));
  if (typeof schema !== 'object' || schema === null) return schema;
  const all = schema as Schema;
  const { properties } = all;
  const inner = Object.fromEntries(
    Object.entries(all).map(([key, value]) => [
      key,
      key === 'properties' || key === 'default' ? value : strict(value),
    ]),
  );
  if (properties === undefined) return inner;
  const open = all['x-kubernetes-preserve-unknown-fields'] === true || all.type !== 'object';
  return {
    ...inner,
    properties: {
      ...Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, strict(value)])),
      ...(top ? { metadata: { type: 'object' } } : {}),
    },
    ...(open ? {} : { additionalProperties: false }),
  };
}
