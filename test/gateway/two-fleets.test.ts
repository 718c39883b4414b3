/**
 * The same model in two fleets: each is reached by its name through every door, and a split shares its calls between
 * them.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  decodeHealthCheckResponse,
  decodePredictResponse,
  decodeRepositoryIndexResponse,
  encodeHealthCheckRequest,
  encodePredictRequest,
  servingStatus,
  type Tensor,
} from '../../src/codec/index.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { clientOf, overGrpc } from '../bridge/clients.ts';
import { doors } from '../bridge/matrix.ts';
import { rawClient } from '../demo/client.ts';
import { predictClient } from '../journeys/predict-client.ts';
import { predictMessage, run, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { counted, name, predictCalls } from './two-fleets.ts';

const x: Tensor = { dtype: 'float', shape: [1, 1], bytes: new Uint8Array(Float32Array.of(5).buffer) };
const fast = { health: { intervalMs: 200, fastIntervalMs: 50, fall: 1 } };

describe('the same model in two fleets', () => {
  let old: DemoServer;
  let fresh: DemoServer;
  let gateway: TestGateway;
  let log: string;
  let folder: string;
  /** What a split gets as its random number. */
  let share = 0.5;
  const fleets = (): object => ({
    default: { ...fast, backends: [`tfs://127.0.0.1:${old.port}`] },
    new: { ...fast, backends: [`tfs://127.0.0.1:${fresh.port}`] },
  });
  const models = {
    [name]: {},
    fresh: { model: name, fleet: 'new' },
    canary: {
      rules: [{ header: 'x-tenant', value: 'beta', fleet: 'new', model: name }],
      split: [
        { model: name, weight: 75 },
        { model: name, fleet: 'new', weight: 25 },
      ],
    },
    sticky: {
      split: [
        { model: name, weight: 50 },
        { model: name, fleet: 'new', weight: 50 },
      ],
      stickyHeader: 'x-user',
    },
  };
  const config = (): Record<string, unknown> => ({
    fleets: fleets(),
    models,
    hedge: { enabled: false },
    retry: { maxAttempts: 1 },
    telemetry: { accessLog: 'all' },
  });
  before(async () => {
    old = await startDemoServer({ models: [name], name: 'old' });
    fresh = await startDemoServer({ models: [name], name: 'new' });
    folder = mkdtempSync(join(tmpdir(), 'tensorgate-two-fleets-'));
    log = join(folder, 'log');
    gateway = await startTestGateway([], config(), {}, log, () => share);
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([old.stop(), fresh.stop()]);
    rmSync(folder, { recursive: true });
  });

  const predict = (model: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://${gateway.rest}/v1/models/${model}:predict`, {
      method: 'POST',
      headers,
      body: '{"instances":[5.0]}',
    });

  for (const { name: door } of doors) {
    it(`is reached by ${door} in either: status, signature and answers`, async () => {
      const client = clientOf(door, gateway);
      try {
        for (const [model, server, other] of [
          [name, old, fresh],
          ['fresh', fresh, old],
        ] as const) {
          server.record.reset();
          other.record.reset();
          assert.equal(await client.status(model), true);
          assert.deepEqual((await client.metadata(model)).inputs, ['x']);
          const answer = await client.infer(model, 'x', x, 'y');
          assert.ok('bytes' in answer);
          assert.equal(new Float32Array(Uint8Array.from(answer.bytes).buffer)[0], 4.5);
          assert.equal(predictCalls(server), 1, `${model} at its own fleet`);
          assert.equal(predictCalls(other), 0, `${model} at the other fleet`);
        }
      } finally {
        client.close();
      }
    });
  }

  it('says who answered, and goes by the name of its fleet in metrics and the log', async () => {
    const own = [/requests_success/, /method="Predict"/, /interface="REST"/, new RegExp(`name="${name}"`)];
    const [before, beforeThere] = [
      await counted(gateway, ...own),
      await counted(gateway, ...own, /fleet="new"/),
    ];
    assert.equal((await predict(name)).headers.get('x-served-by'), `127.0.0.1:${old.port}`);
    assert.equal((await predict('fresh')).headers.get('x-served-by'), `127.0.0.1:${fresh.port}`);
    assert.equal((await counted(gateway, ...own)) - before, 2, 'by name both');
    assert.equal((await counted(gateway, ...own, /fleet="new"/)) - beforeThere, 1);
    assert.equal(
      await counted(gateway, /backend_available/, /fleet="new"/, new RegExp(`:${fresh.port}"`)),
      1,
    );
    assert.equal(await counted(gateway, /backend_available/, /fleet="new"/, new RegExp(`:${old.port}"`)), 0);
    assert.equal(
      await counted(gateway, /fleet="default"/),
      0,
      'models of the default fleet have no such label',
    );
    const lines = await waitFor(() => {
      const found = readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes(':predict') || line.includes('PredictionService/Predict'))
        .map((line) => JSON.parse(line) as { model: string; fleet?: string; backend: string })
        .filter(({ backend }) => backend !== '');
      return found.length >= 2 ? found : undefined;
    });
    for (const { model, fleet, backend } of lines) {
      assert.equal(model, name);
      assert.equal(fleet, backend === `127.0.0.1:${fresh.port}` ? 'new' : undefined);
    }
  });

  it('shares the calls of one name between them by weight', async () => {
    old.record.reset();
    fresh.record.reset();
    const client = predictClient(gateway.grpc);
    const message = Buffer.concat(
      encodePredictRequest({
        spec: { name: 'canary', signature: '' },
        inputs: new Map([['x', x]]),
        outputFilter: [],
      }),
    );
    try {
      for (let i = 0; i < 40; i++) {
        share = i / 40;
        const { reply, from } = await client.predict(message);
        assert.equal(from, i < 30 ? 'old' : 'new', `${i} of 40`);
        // the server's own name for it
        assert.equal(decodePredictResponse(reply).spec?.name, name);
      }
      share = 0;
      assert.equal((await client.predict(message, { metadata: { 'x-tenant': 'beta' } })).from, 'new');
    } finally {
      client.close();
    }
    assert.equal(predictCalls(old), 30);
    assert.equal(predictCalls(fresh), 11);
    assert.equal(old.record.misdirected + fresh.record.misdirected, 0);
  });

  it('keeps a client at its fleet', async () => {
    const servedBy = async (user: string): Promise<string> =>
      (await predict('sticky', { 'x-user': user })).headers.get('x-served-by') ?? '';
    const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);
    const first = await Promise.all(users.map(servedBy));
    assert.equal(new Set(first).size, 2);
    for (let round = 0; round < 3; round++) assert.deepEqual(await Promise.all(users.map(servedBy)), first);
  });

  it('is listed under the names that clients ask for, and at the admin door by fleet', async () => {
    const listed = (await (await fetch(`http://${gateway.rest}/v1/models`)).json()) as {
      data: { id: string }[];
    };
    assert.deepEqual(listed.data.map(({ id }) => id).sort(), ['fresh', name]);
    const { unary, close } = overGrpc(gateway.grpc);
    const index = decodeRepositoryIndexResponse(
      await unary('/inference.GRPCInferenceService/RepositoryIndex', Buffer.alloc(0)),
    );
    close();
    assert.deepEqual(index.map((each) => [each.name, each.state]).sort(), [
      ['fresh', 'READY'],
      [name, 'READY'],
    ]);
    const { fleets: shown } = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
      fleets: {
        name: string;
        isDefault: boolean;
        models: { name: string; asked: string[]; available: number }[];
      }[];
    };
    assert.deepEqual(
      shown.map((fleet) => [
        fleet.name,
        fleet.isDefault,
        fleet.models.map((m) => [m.name, m.asked, m.available]),
      ]),
      [
        ['default', true, [[name, [name], 1]]],
        ['new', false, [[name, ['fresh'], 1]]],
      ],
    );
    const { port } = new URL(`http://${gateway.admin}`);
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const told = await run(process.execPath, [main, 'models', '--admin', `http://127.0.0.1:${port}`]);
    assert.match(told.stdout, /fleet new[^]*half_plus_two \(asked as fresh\)/);
  });
});

describe('one of two fleets that is down', () => {
  it('fails its own share alone, and is unhealthy alone', async () => {
    const old = await startDemoServer({ models: [name], name: 'old' });
    const fresh = await startDemoServer({ models: [name], name: 'new' });
    let share = 0.5;
    const gateway = await startTestGateway(
      [],
      {
        fleets: {
          default: { ...fast, backends: [`tfs://127.0.0.1:${old.port}`] },
          new: { ...fast, backends: [`tfs://127.0.0.1:${fresh.port}`] },
        },
        models: {
          [name]: { split: [{ weight: 50 }, { fleet: 'new', weight: 50 }] },
          old: { model: name },
          fresh: { model: name, fleet: 'new' },
        },
      },
      {},
      undefined,
      () => share,
    );
    const health = rawClient(Number(gateway.grpc.split(':')[1]));
    const client = predictClient(gateway.grpc);
    const healthOf = async (service: string): Promise<number> =>
      decodeHealthCheckResponse((await health.call('Check', encodeHealthCheckRequest(service))).bytes);
    const ask = async (at: number): Promise<string> => {
      share = at;
      return client.predict(predictMessage()).then(
        ({ from }) => from,
        (error: { code: number; details: string }) => `${error.code} ${error.details}`,
      );
    };
    try {
      assert.deepEqual([await ask(0.1), await ask(0.9)], ['old', 'new']);
      await fresh.stop();
      await waitFor(async () => (await healthOf('fresh')) === servingStatus.NOT_SERVING);
      assert.equal(await healthOf('old'), servingStatus.SERVING);
      assert.equal(await healthOf(name), servingStatus.SERVING, 'that of the first part');
      assert.equal(await ask(0.1), 'old');
      assert.match(await ask(0.9), /^14 no backend of fleet new can answer for model half_plus_two/);
      assert.equal((await fetch(`http://${gateway.rest}/v2/models/old/ready`)).status, 200);
      assert.notEqual((await fetch(`http://${gateway.rest}/v2/models/fresh/ready`)).status, 200);
      assert.equal(
        await counted(gateway, /requests_fail/, /code="UNAVAILABLE"/, /Predict/, /fleet="new"/),
        1,
      );
      assert.equal(await counted(gateway, /requests_fail/, /code="UNAVAILABLE"/, /Predict/), 1);
      assert.equal(await counted(gateway, /backend_available/, /fleet="new"/), 0);
      assert.equal(await counted(gateway, /backend_available/), 1);
    } finally {
      client.close();
      health.close();
      await gateway.stop();
      await old.stop();
    }
  });
});
