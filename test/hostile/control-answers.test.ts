/**
 * Model servers that say far too much of a model: that model is unknown there, it is told once, and nobody beside
 * notices.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { encodeGetModelStatusResponse, modelState } from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startVictim, type Victim, waitFor } from '../support/index.ts';
import { framed } from '../support/victim.ts';
import { startWireServer, type WireServer } from '../support/wire.ts';

const many = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const info = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }] } };
const signatureDef = (signatures: object): object => ({
  model_spec: { name: 'm', version: '1' },
  metadata: { signature_def: { signature_def: signatures } },
});
const states = (count: number): object => ({
  model_version_status: many(count, (i) => ({ version: String(i + 1), state: 'AVAILABLE', status: {} })),
});
const brackets = Buffer.alloc(24 * 2 ** 20, '[');
const nested = Buffer.from(`{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`);

/** Answers by path; models that are not named here do not exist. */
const v2: Readonly<Record<string, Buffer>> = {
  '/v2/models/v2_brackets': brackets,
  '/v2/models/v2_nested': nested,
  '/v2/models/v2_versions': json({
    name: 'versions',
    versions: many(100_000, String),
    inputs: [],
    outputs: [],
  }),
  '/v2/models/v2_tensors': json({
    name: 'tensors',
    inputs: many(20_000, () => ({ name: 'x' })),
    outputs: [],
  }),
  '/v2/models/v2_name': json({ name: 'n'.repeat(10_000), versions: ['1'], inputs: [], outputs: [] }),
  '/v2/models/v2_nulls': json({ name: null, versions: ['1'], inputs: [null], outputs: null }),
  '/v2/models/v2_good': json({ name: 'good', versions: ['1'], platform: 'x', inputs: [], outputs: [] }),
};
const tfs: Readonly<Record<string, Buffer>> = {
  '/v1/models/tfs_brackets': brackets,
  '/v1/models/tfs_nested': nested,
  '/v1/models/tfs_versions': json(states(100_000)),
  '/v1/models/tfs_good': json(states(1)),
  '/v1/models/tfs_good/metadata': json(
    signatureDef(Object.fromEntries(many(2000, (i) => [`s${i}`, { inputs: { x: info } }]))),
  ),
};

describe('answers of model servers about their models', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  const servers: Server[] = [];
  let wire: WireServer;

  async function serve(answers: Readonly<Record<string, Buffer>>, scheme: string): Promise<string> {
    const server = createServer((request, response) => {
      const path = (request.url ?? '').replace('/versions/1', '');
      const known = path === '/v2' || /\/(?:ready|live)$/.test(path) ? Buffer.from('{}') : answers[path];
      response.writeHead(known === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(known ?? '{"error":"no such model"}');
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const version = (i: number): Parameters<typeof encodeGetModelStatusResponse>[0][number] => ({
      ...{ version: BigInt(i + 1), state: modelState.AVAILABLE, errorCode: 0, errorMessage: '' },
    });
    const answers: Readonly<Record<string, Uint8Array>> = {
      wire_versions: encodeGetModelStatusResponse(many(100_000, version)),
      wire_large: Buffer.concat(many(40, () => encodeGetModelStatusResponse(many(10_000, version)))),
      wire_garbage: Buffer.from([0xff, 0xff, 0xff]),
      wire_good: encodeGetModelStatusResponse(many(1000, version)),
    };
    wire = await startWireServer((stream, fields) => {
      let body = '';
      return {
        onData(chunk) {
          body += chunk.toString('latin1');
          stream.credit(chunk.length);
        },
        onEnd() {
          const name = Object.keys(answers).find((each) => body.includes(each));
          const head = [':status', '200', 'content-type', 'application/grpc'];
          if (name === undefined || !(fields[fields.indexOf(':path') + 1] ?? '').endsWith('GetModelStatus')) {
            stream.respond([...head, 'grpc-status', name === undefined ? '5' : '12'], true);
            return;
          }
          stream.respond(head);
          stream.write(framed(answers[name] as Uint8Array));
          stream.end(['grpc-status', '0']);
        },
      };
    });
    const names = ['brackets', 'nested', 'versions', 'tensors', 'name', 'nulls', 'good'];
    victim = await startVictim([], {
      fleets: {
        default: { backends: fleet.backends.map(({ url }) => url) },
        v2: { backends: [await serve(v2, 'kserve+http')] },
        tfs: { backends: [await serve(tfs, 'tfs+http')] },
        wire: { backends: [`tfs://127.0.0.1:${wire.port}`] },
      },
      models: Object.fromEntries([
        ['half_plus_two', {}],
        ...names.map((name) => [`v2_${name}`, { fleet: 'v2' }] as const),
        ...['brackets', 'nested', 'versions', 'good'].map(
          (name) => [`tfs_${name}`, { fleet: 'tfs' }] as const,
        ),
        ...Object.keys(answers).map((name) => [name, { fleet: 'wire' }] as const),
      ]),
    });
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
    wire.close();
    for (const server of servers) server.close();
  });

  it('holds nobody up while they come', async () => {
    const before_ = victim.rss();
    const bystander = await victim.bystander();
    for (let round = 0; round < 3; round++)
      for (const name of ['v2_brackets', 'v2_versions', 'tfs_versions', 'wire_versions', 'v2_nested']) {
        const answer = await fetch(`http://${victim.rest}/v1/models/${name}`);
        assert.ok(answer.status >= 400, `${name}: ${answer.status}`);
        await answer.text();
      }
    const { failures, worstMs } = await bystander.stop();
    assert.deepEqual(failures, []);
    assert.ok(worstMs < 4000, `${worstMs} ms`);
    assert.ok(victim.rss() < before_ + 150, `${before_} MiB before, ${victim.rss()} MiB now`);
  });

  for (const [fleetName, good] of [
    ['v2', 'v2_good'],
    ['v2', 'v2_nulls'],
    ['tfs', 'tfs_good'],
    ['wire', 'wire_good'],
  ] as const) {
    it(`leaves ${good} of the same server of fleet ${fleetName} as it is`, async () => {
      // a machine with much to do may have found the server silent for a moment
      const isThere = async (): Promise<boolean> =>
        (await fetch(`http://${victim.rest}/v1/models/${good}`)).status === 200;
      await waitFor(isThere, 20_000, good);
    });
  }

  it('is told once for each model in the log, with the reason', async () => {
    await waitFor(
      () => victim.output().includes('wire_') || victim.output().includes('out of bounds'),
      5000,
      'a line in the log',
    );
    for (const [model, reason] of [
      ['v2_brackets', 'more than 4194304 bytes'],
      ['tfs_brackets', 'more than 4194304 bytes'],
      ['v2_nested', 'nested deeper than 32 levels'],
      ['tfs_nested', 'nested deeper than 32 levels'],
      ['v2_versions', 'more than 1000 versions'],
      ['tfs_versions', 'bytes'],
      ['wire_versions', 'more than 1000 versions'],
      ['v2_tensors', 'more than 10000 tensors'],
      ['v2_name', 'a name of more than 1024 bytes'],
      ['wire_large', 'more than'],
      ['wire_garbage', 'malformed'],
    ] as const) {
      const lines = victim
        .output()
        .split('\n')
        .filter((line) => line.includes(`"model":"${model}"`) && line.includes(reason));
      assert.ok(
        lines.length >= 1 && lines.length <= 3,
        `${model}: ${lines.length} lines\n${victim.output().slice(-2000)}`,
      );
    }
  });

  it('refuses metadata with too many signatures for the call that needs it alone', async () => {
    const answer = await fetch(`http://${victim.rest}/v1/models/tfs_good/metadata`);
    assert.equal(answer.status, 500);
    assert.match(await answer.text(), /more than 1000 signatures/);
  });
});
