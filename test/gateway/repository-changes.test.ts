/**
 * Models loaded and unloaded, and settings set, at every backend of a fleet: with permission, over either door and
 * either transport.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import {
  decodeMemoryStatus,
  decodeReloadConfigResponse,
  decodeSettings,
  encodeMemoryRequest,
  encodeRepositoryChange,
  encodeSettings,
  type V2RepositoryParameter,
} from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startWideServer, wideClient, type WideServer } from './wide-servers.ts';

type Client = ReturnType<typeof wideClient>;
const permitted = { grpc: { allowAdmin: true } };
const file = Buffer.from([0, 255, 1, 254]);
const parameters = new Map<string, V2RepositoryParameter>([
  ['config', '{"backend":"python"}'],
  ['file:1/model.bin', file],
  ['unload_dependents', true],
  ['priority', 7n],
]);
const body = JSON.stringify({
  parameters: {
    config: '{"backend":"python"}',
    'file:1/model.bin': file.toString('base64'),
    unload_dependents: true,
    priority: 7,
  },
});
const messageFor = (model: string, of: ReadonlyMap<string, V2RepositoryParameter> = parameters): Uint8Array =>
  Buffer.concat(encodeRepositoryChange({ repository: '', model, parameters: of }));

describe('what changes servers', () => {
  let rest: WideServer;
  let grpc: WideServer;
  const gateways: TestGateway[] = [];
  const clients: Client[] = [];
  before(async () => {
    [rest, grpc] = await Promise.all([startWideServer('rest'), startWideServer('grpc')]);
  });
  beforeEach(() => {
    for (const server of [rest, grpc]) {
      server.changes.length = 0;
      server.refuses = undefined;
      for (const name of Object.keys(server.configs)) delete server.configs[name];
    }
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const gateway of gateways.splice(0)) await gateway.stop();
  });
  after(() => {
    rest.stop();
    grpc.stop();
  });
  async function serve(
    config: Record<string, unknown> = permitted,
    urls: readonly string[] = [rest.url, grpc.url],
  ): Promise<{ gateway: TestGateway; client: Client }> {
    const gateway = await startTestGateway(urls, config);
    gateways.push(gateway);
    const client = wideClient(gateway.grpc);
    clients.push(client);
    return { gateway, client };
  }
  async function post(
    { rest: door }: TestGateway,
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; text: string; headers: Headers }> {
    const answer = await fetch(`http://${door}/v2/${path}`, { method: 'POST', ...init });
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  }
  const whats = (): string[][] =>
    [rest, grpc].map(({ changes }) => changes.map(({ what, model }) => `${what} ${model}`));

  it('is refused without permission, over either door', async () => {
    const { gateway, client } = await serve({});
    const { status, text } = await post(gateway, 'repository/models/m/load');
    assert.equal(status, 403, text);
    assert.match(text, /grpc\.allowAdmin/);
    for (const method of ['RepositoryModelLoad', 'RepositoryModelUnload'])
      await assert.rejects(client.ask(method, messageFor('m')), /^Error: PERMISSION_DENIED/);
    assert.deepEqual(whats(), [[], []]);
  });

  it('is refused to pages in browsers over REST', async () => {
    const { gateway } = await serve();
    const headers = { origin: 'https://elsewhere.example' };
    const { status } = await post(gateway, 'repository/models/m/load', { headers });
    assert.equal(status, 403);
    assert.deepEqual(whats(), [[], []]);
  });

  it('reaches every backend with its parameters, and the index soon has it', async () => {
    const { gateway, client } = await serve();
    const { status, text, headers } = await post(gateway, 'repository/models/m/load', { body });
    assert.deepEqual([status, text], [200, '']);
    assert.equal(headers.get('x-backends-asked'), `${rest.name}, ${grpc.name}`);
    const { message } = await client.ask('RepositoryModelLoad', messageFor('n'));
    assert.equal(message.length, 0);
    assert.deepEqual(whats(), [
      ['load m', 'load n'],
      ['load m', 'load n'],
    ]);
    for (const { changes } of [rest, grpc])
      for (const change of changes)
        assert.deepEqual(
          new Map(
            [...change.parameters].map(([name, each]) => [
              name,
              each instanceof Uint8Array ? [...each] : each,
            ]),
          ),
          new Map(
            [...parameters].map(([name, each]) => [name, each instanceof Uint8Array ? [...each] : each]),
          ),
        );
    const listed = async (): Promise<string> =>
      (
        (await (await fetch(`http://${gateway.rest}/v2/repository/index`, { method: 'POST' })).json()) as {
          name: string;
        }[]
      )
        .map(({ name }) => name)
        .sort()
        .join();
    await waitFor(async () => (await listed()) === 'm,n');
    assert.equal((await post(gateway, 'repository/models/m/unload')).status, 200);
    await client.ask('RepositoryModelUnload', messageFor('n', new Map()));
    assert.deepEqual(whats()[0]?.slice(2), ['unload m', 'unload n']);
    await waitFor(async () => (await listed()) === '');
  });

  it('says how each backend did where not all did it', async () => {
    const { gateway, client } = await serve();
    grpc.refuses = 'no such file';
    const words = new RegExp(
      `1 of 2 backends failed: ${grpc.name}: INVALID_ARGUMENT: no such file; ${rest.name}: OK`,
    );
    const { status, text } = await post(gateway, 'repository/models/m/load');
    assert.equal(status, 400);
    assert.match(text, words);
    await assert.rejects(client.ask('RepositoryModelLoad', messageFor('m')), words);
    rest.refuses = 'no such file';
    await assert.rejects(
      client.ask('RepositoryModelLoad', messageFor('m')),
      new RegExp(
        `INVALID_ARGUMENT: 2 of 2 backends failed: ${rest.name}, ${grpc.name}: INVALID_ARGUMENT: no such file`,
      ),
    );
  });

  it('fails where a backend is down, and says so', async () => {
    const { client } = await serve(permitted, [rest.url, 'kserve://127.0.0.1:1']);
    await assert.rejects(
      client.ask('RepositoryModelLoad', messageFor('m')),
      new RegExp(`UNAVAILABLE: 1 of 2 backends failed: 127\\.0\\.0\\.1:1: UNAVAILABLE: .*; ${rest.name}: OK`),
    );
  });

  it('goes to the fleet of the model by its own name there, to the default one for others, to one backend by its name', async () => {
    const { gateway } = await serve(
      {
        ...permitted,
        fleets: { default: { backends: [rest.url] }, second: { backends: [grpc.url] } },
        models: { shown: { model: 'own', fleet: 'second' } },
      },
      [],
    );
    await post(gateway, 'repository/models/shown/load');
    await post(gateway, 'repository/models/new/load');
    assert.deepEqual(whats(), [['load new'], ['load own']]);
    const both = await serve();
    await post(both.gateway, `repository/models/m/load?backend=${grpc.name}`);
    assert.deepEqual(whats(), [['load new'], ['load own', 'load m']]);
  });

  it('refuses bodies that say nothing sensible', async () => {
    const { gateway } = await serve();
    for (const wrong of [
      '{',
      '[]',
      '{"parameters":1}',
      '{"parameters":{"file:x":"?"}}',
      '{"parameters":{"a":[1]}}',
    ])
      assert.equal((await post(gateway, 'repository/models/m/load', { body: wrong })).status, 400, wrong);
    assert.deepEqual(whats(), [[], []]);
  });

  it('sets trace and log settings everywhere, and tells where they differ', async () => {
    const { gateway, client } = await serve();
    rest.settings.trace.trace_count = '5';
    const first = await post(gateway, 'trace/setting', {
      body: '{"trace_rate":"7","trace_level":["TIMESTAMPS"]}',
    });
    assert.deepEqual(JSON.parse(first.text), {
      trace_level: ['TIMESTAMPS'],
      trace_rate: '7',
      trace_count: '5',
    });
    assert.equal(first.headers.get('x-config-differs'), `${grpc.name}: trace_count`);
    assert.deepEqual([rest.settings.trace.trace_rate, grpc.settings.trace.trace_rate], ['7', '7']);
    const asked = encodeSettings('logging', {
      model: '',
      settings: { log_verbose_level: 2n, log_info: false },
    });
    const { message } = await client.ask('LogSettings', asked);
    assert.deepEqual(decodeSettings('logging', message).settings, { log_verbose_level: 2n, log_info: false });
    assert.deepEqual(
      [rest.settings.logging.log_verbose_level, grpc.settings.logging.log_verbose_level],
      [2n, 2n],
    );
    const read = await fetch(`http://${gateway.rest}/v2/logging`);
    assert.deepEqual(await read.json(), { log_verbose_level: 2, log_info: false });
  });

  it('takes shared memory to a fleet of one backend alone', async () => {
    const both = await serve();
    await assert.rejects(
      both.client.ask('SystemSharedMemoryRegister', Buffer.from('\n\u0001a')),
      /UNIMPLEMENTED: SystemSharedMemoryRegister: shared memory is of one machine, .* any of the 2 backends/,
    );
    for (const path of ['systemsharedmemory/region/a/register', 'cudasharedmemory/unregister']) {
      const { status, text } = await post(both.gateway, path, { body: '{}' });
      assert.equal(status, 501);
      assert.match(text, /shared memory is of one machine/);
    }
    for (const [server, has] of [
      [rest, 'system register a {"key":"/k","offset":0,"byte_size":8}'],
      [grpc, 'memory '],
    ] as const) {
      server.asked.length = 0;
      const one = await serve(permitted, [server.url]);
      await one.client.ask(
        'SystemSharedMemoryRegister',
        encodeMemoryRequest({ kind: 'system', action: 'register' }, { name: 'a', key: '/k', byte_size: 8n }),
      );
      assert.ok(
        server.asked.some((each) => each.startsWith(has)),
        String(server.asked),
      );
      const wrong = await post(one.gateway, 'systemsharedmemory/region/a/register', { body: '{"key":1}' });
      assert.equal(wrong.status, 400, wrong.text);
    }
    const one = await serve({}, [rest.url]);
    const listed = await fetch(`http://${one.gateway.rest}/v2/systemsharedmemory/status`);
    assert.deepEqual(await listed.json(), [{ name: 'a', key: '/k', offset: 0, byte_size: 8 }]);
    const { message } = await one.client.ask('SystemSharedMemoryStatus', new Uint8Array(0));
    assert.deepEqual(decodeMemoryStatus({ kind: 'system' }, message), [
      { name: 'a', key: '/k', offset: 0n, byte_size: 8n },
    ]);
  });
});

describe('the configuration of TensorFlow Serving', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let client: Client;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two'] });
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      permitted,
    );
    client = wideClient(gateway.grpc);
  });
  after(async () => {
    client.close();
    await gateway.stop();
    await fleet.stop();
  });

  it('is reloaded at every backend, and an error inside of an answer is one', async () => {
    const path = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';
    // config { model_config_list { config { name: ... base_path: ... } } }
    const field = (number: number, bytes: readonly number[]): number[] => [
      number * 8 + 2,
      bytes.length,
      ...bytes,
    ];
    const naming = (name: string): Buffer => {
      const model = [...field(1, [...Buffer.from(name)]), ...field(2, [...Buffer.from(`/models/${name}`)])];
      return Buffer.from(field(1, field(1, field(1, model))));
    };
    const { message, fields } = await client.ask(path, naming('half_plus_two'));
    assert.deepEqual(decodeReloadConfigResponse(message), { errorCode: 0, errorMessage: '' });
    assert.equal(String(fields['x-backends-asked']).split(', ').length, 2);
    await assert.rejects(client.ask(path, naming('nobody')), /2 of 2 backends failed/);
  });
});
