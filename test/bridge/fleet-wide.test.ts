/** What a fleet of real Tritons says of itself: statistics as their sum, configuration as one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  decodeSettings,
  encodeModelVersionRequest,
  encodeRepositoryChange,
  modelConfigJson,
  modelStatisticsJson,
} from '../../src/codec/index.ts';
import { wideClient } from '../gateway/wide-servers.ts';
import { missing, python, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startMlserver } from './servers/mlserver.ts';
import { bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

const models = bridgeModels.filter(({ name }) => /^identity_(float|int64)$/.test(name));

interface Entry {
  readonly name: string;
  readonly inference_count: number;
  readonly last_inference: number;
  readonly inference_stats: { readonly success: { readonly count: number; readonly ns: number } };
}

describe('two Tritons as one server', { skip: missing('tritonserver') }, () => {
  let servers: RealServer[];
  const gateways = new Map<string, TestGateway>();
  before(async () => {
    servers = [
      await startTriton(models, { explicit: true }),
      await startTriton(models, { explicit: true, instances: 2 }),
    ];
    const [a, b] = servers;
    for (const [name, urls] of [
      ['rest', [`kserve+http://${a?.http}`, `kserve+http://${b?.http}`]],
      ['grpc', [`kserve://${a?.grpc}`, `kserve://${b?.grpc}`]],
      ['mixed', [`kserve+http://${a?.http}`, `kserve://${b?.grpc}`]],
    ] as const)
      gateways.set(name, await startTestGateway(urls, { grpc: { allowAdmin: true } }));
  });
  after(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    for (const server of servers) await server.stop();
  });

  async function own(server: RealServer, path: string): Promise<unknown> {
    return (await fetch(`http://${server.http}/v2/models/${path}`)).json();
  }
  const entryOf = (json: unknown): Entry =>
    (json as { model_stats: Entry[] }).model_stats.find(({ name }) => name === 'identity_float') as Entry;

  for (const name of ['rest', 'grpc', 'mixed'])
    describe(`over ${name}`, () => {
      it('statistics are the sum, before and after calls', async () => {
        const gateway = gateways.get(name) as TestGateway;
        const through = async (path: string): Promise<Entry> =>
          entryOf(await (await fetch(`http://${gateway.rest}/v2/models/${path}`)).json());
        const before_ = await through('identity_float/stats');
        for (let i = 0; i < 12; i++) {
          const answer = await fetch(`http://${gateway.rest}/v2/models/identity_float/infer`, {
            method: 'POST',
            body: '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]}',
          });
          assert.equal(answer.status, 200, await answer.text());
        }
        // a Triton counts a call after it has answered it
        const counted = async (): Promise<number> =>
          (await through('identity_float/stats')).inference_count - (before_.inference_count ?? 0);
        await waitFor(async () => (await counted()) >= 12, 20_000, 'the last of twelve calls to be counted');
        const sums = [
          await through('identity_float/stats'),
          await through('identity_float/versions/1/stats'),
          await through('stats'),
        ];
        const client = wideClient(gateway.grpc);
        for (const message of [encodeModelVersionRequest('identity_float', ''), new Uint8Array(0)]) {
          const answer = await client.ask('ModelStatistics', message);
          sums.push(entryOf(JSON.parse(modelStatisticsJson(answer.message))));
        }
        client.close();
        const each = await Promise.all(servers.map(async (server) => entryOf(await own(server, 'stats'))));
        const total = (of: (entry: Entry) => number): number =>
          each.reduce((sum, entry) => sum + of(entry), 0);
        for (const sum of sums) {
          assert.equal(
            sum.inference_count,
            total((entry) => entry.inference_count),
          );
          assert.equal(
            sum.inference_stats.success.ns,
            total((entry) => entry.inference_stats.success.ns),
          );
          assert.equal(sum.last_inference, Math.max(...each.map((entry) => entry.last_inference)));
        }
        assert.equal((sums[0]?.inference_count ?? 0) - (before_.inference_count ?? 0), 12);
      });

      it('configuration is the first one’s, with the difference', async () => {
        const gateway = gateways.get(name) as TestGateway;
        const answer = await fetch(`http://${gateway.rest}/v2/models/identity_float/config`);
        assert.deepEqual(await answer.json(), await own(servers[0] as RealServer, 'identity_float/config'));
        assert.match(
          answer.headers.get('x-config-differs') ?? '',
          /^127\.0\.0\.1:\d+: instance_group\[0\]\.count$/,
        );
        const client = wideClient(gateway.grpc);
        const { message, fields } = await client.ask(
          'ModelConfig',
          encodeModelVersionRequest('identity_float', ''),
        );
        client.close();
        assert.match(modelConfigJson(message), /"count":1,/);
        assert.match(String(fields['x-config-differs']), /instance_group\[0\]\.count$/);
      });

      it('a model is unloaded and loaded at both, with another configuration too, and an error says who had it', async () => {
        const gateway = gateways.get(name) as TestGateway;
        const change = async (path: string, body = ''): Promise<{ status: number; text: string }> => {
          const answer = await fetch(`http://${gateway.rest}/v2/repository/models/${path}`, {
            method: 'POST',
            body,
          });
          return { status: answer.status, text: await answer.text() };
        };
        const states = async (): Promise<boolean[]> =>
          Promise.all(
            servers.map(
              async ({ http }) => (await fetch(`http://${http}/v2/models/identity_int64/ready`)).ok,
            ),
          );
        const model = 'identity_int64';
        assert.deepEqual(await change(`${model}/unload`), { status: 200, text: '' });
        // it is unloaded in its own time
        await waitFor(async () => !(await states()).includes(true), 20_000);
        await waitFor(
          async () => (await fetch(`http://${gateway.rest}/v2/models/${model}/ready`)).status !== 200,
        );
        assert.deepEqual(await change(`${model}/load`), { status: 200, text: '' });
        assert.deepEqual(await states(), [true, true]);
        await waitFor(
          async () => (await fetch(`http://${gateway.rest}/v2/models/${model}/ready`)).ok,
          20_000,
        );
        const config = (await own(servers[0] as RealServer, `${model}/config`)) as Record<string, unknown>;
        const other = JSON.stringify({
          ...config,
          parameters: { does: { string_value: 'identity' }, tag: { string_value: name } },
        });
        const client = wideClient(gateway.grpc);
        await client.ask(
          'RepositoryModelLoad',
          Buffer.concat(
            encodeRepositoryChange({ repository: '', model, parameters: new Map([['config', other]]) }),
          ),
        );
        for (const server of servers) {
          const { parameters } = (await own(server, `${model}/config`)) as {
            parameters: Record<string, { string_value: string }>;
          };
          assert.equal(parameters.tag?.string_value, name);
        }
        await assert.rejects(
          client.ask(
            'RepositoryModelLoad',
            Buffer.concat(encodeRepositoryChange({ repository: '', model: 'nobody', parameters: new Map() })),
          ),
          /2 of 2 backends failed: .*failed to load 'nobody'/,
        );
        // the contents of a file, as base64 and as bytes
        const source = Buffer.from(
          'class TritonPythonModel:\n    def execute(self, requests):\n        return []\n',
        );
        const overridden = { config: other, 'file:1/model.py': source.toString('base64') };
        const viaRest = await change(`${model}/load`, JSON.stringify({ parameters: overridden }));
        assert.deepEqual(viaRest, { status: 200, text: '' });
        const parameters = new Map<string, string | Uint8Array>([
          ['config', other],
          ['file:1/model.py', source],
        ]);
        await client.ask(
          'RepositoryModelLoad',
          Buffer.concat(encodeRepositoryChange({ repository: '', model, parameters })),
        );
        // what Triton refuses: the contents of a file without a configuration
        const refused = await change(`${model}/load`, '{"parameters":{"file:1/model.py":"YQ=="}}');
        assert.equal(refused.status, 500, refused.text);
        assert.match(refused.text, /2 of 2 backends failed/);
        const settings = await fetch(`http://${gateway.rest}/v2/logging`, {
          method: 'POST',
          body: '{"log_verbose_level":1}',
        });
        assert.equal(((await settings.json()) as { log_verbose_level: number }).log_verbose_level, 1);
        for (const { http } of servers) {
          const said = (await (await fetch(`http://${http}/v2/logging`)).json()) as {
            log_verbose_level: number;
          };
          assert.equal(said.log_verbose_level, 1);
        }
        await fetch(`http://${gateway.rest}/v2/logging`, { method: 'POST', body: '{"log_verbose_level":0}' });
        const trace = await client.ask('TraceSetting', new Uint8Array(0));
        const direct = (await (await fetch(`http://${servers[0]?.http}/v2/trace/setting`)).json()) as object;
        assert.deepEqual(decodeSettings('trace', trace.message).settings, direct);
        client.close();
      });

      it('tritonclient does all that it has calls for', { skip: missing('triton') }, async () => {
        const gateway = gateways.get(name) as TestGateway;
        for (const transport of ['http', 'grpc'] as const) {
          const address = transport === 'http' ? gateway.rest : gateway.grpc;
          const script = fileURLToPath(new URL('python/operations.py', import.meta.url));
          const { code, stdout, stderr } = await python('triton', script, [
            transport,
            address,
            'identity_int64',
          ]);
          assert.equal(code, 0, `${transport}: ${stderr.slice(-2000)}`);
          const said = JSON.parse(stdout) as Record<string, unknown>;
          const told = JSON.stringify(said);
          const { model_stats: models_ } = said.all as { model_stats: { name: string }[] };
          assert.deepEqual(
            models_.map((each) => each.name).sort(),
            ['identity_float', 'identity_int64'],
            told,
          );
          assert.equal((said.statistics as { model_stats: unknown[] }).model_stats.length, 1);
          assert.equal(said.config, 'identity_int64');
          assert.match(JSON.stringify(said.trace), /"trace_rate":(?:"9"|\{"value":\["9"\]\})/);
          assert.deepEqual(said['trace read'], said.trace);
          assert.match(JSON.stringify(said.log), /"log_verbose_level":(?:1|\{"uint32_param":1\})/);
          assert.match(said.unknown as string, /2 of 2 backends failed: .*failed to load 'nobody'/);
          assert.match(said.memory as string, /shared memory is of one machine/);
          for (const { http } of servers)
            assert.match(await (await fetch(`http://${http}/v2/trace/setting`)).text(), /"trace_rate":"9"/);
        }
      });
    });
});

describe('a fleet of one Triton', { skip: missing('tritonserver', 'triton') }, () => {
  it('has shared memory, for clients that ask as its server is asked', async () => {
    const server = await startTriton(models);
    const script = fileURLToPath(new URL('python/shared_memory.py', import.meta.url));
    const gateways: TestGateway[] = [];
    try {
      for (const [door, url] of [
        ['grpc', `kserve://${server.grpc}`],
        ['http', `kserve+http://${server.http}`],
      ] as const) {
        const gateway = await startTestGateway([url], { grpc: { allowAdmin: true } });
        gateways.push(gateway);
        const address = door === 'http' ? gateway.rest : gateway.grpc;
        const args = [door, address, 'identity_float', models[0]?.output ?? ''];
        const { code, stdout, stderr } = await python('triton', script, args);
        assert.equal(code, 0, `${door}: ${stderr.slice(-2000)}`);
        const names = ['tensorgate_in', 'tensorgate_out'];
        assert.deepEqual(JSON.parse(stdout), { output: [[1.5, -2.25]], names });
      }
    } finally {
      for (const gateway of gateways) await gateway.stop();
      await server.stop();
    }
  });
});

describe('two MLServers as one', { skip: missing('mlserver') }, () => {
  let servers: RealServer[];
  before(async () => {
    servers = [await startMlserver(models), await startMlserver(models)];
  });
  after(async () => {
    for (const server of servers) await server.stop();
  });
  for (const way of ['http', 'grpc', 'mixed'] as const)
    it(`models are unloaded and loaded at both, over ${way}`, async () => {
      const urls = servers.map(({ http, grpc }, i) =>
        way === 'http' || (way === 'mixed' && i === 0) ? `kserve+http://${http}` : `kserve://${grpc}`,
      );
      const gateway = await startTestGateway(urls, { grpc: { allowAdmin: true } });
      const client = wideClient(gateway.grpc);
      const ready = async (): Promise<boolean[]> =>
        Promise.all(
          servers.map(async ({ http }) => (await fetch(`http://${http}/v2/models/identity_float/ready`)).ok),
        );
      const message = Buffer.concat(
        encodeRepositoryChange({ repository: '', model: 'identity_float', parameters: new Map() }),
      );
      try {
        await client.ask('RepositoryModelUnload', message);
        assert.deepEqual(await ready(), [false, false]);
        const path = `http://${gateway.rest}/v2/repository/models/identity_float`;
        const loaded = await fetch(`${path}/load`, { method: 'POST' });
        assert.equal(loaded.status, 200, await loaded.text());
        assert.deepEqual(await ready(), [true, true]);
        const unknown = await fetch(`http://${gateway.rest}/v2/repository/models/nobody/load`, {
          method: 'POST',
        });
        assert.equal(unknown.status, 404);
        assert.match(await unknown.text(), /2 of 2 backends failed: .*nobody/);
        const config = await fetch(`http://${gateway.rest}/v2/models/identity_float/config`);
        assert.equal(config.status, 501);
      } finally {
        client.close();
        await gateway.stop();
      }
    });
});
