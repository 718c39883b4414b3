/** What a fleet of real Tritons says of itself: statistics as their sum, configuration as one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeModelVersionRequest, modelConfigJson, modelStatisticsJson } from '../../src/codec/index.ts';
import { wideClient } from '../gateway/wide-servers.ts';
import { missing, startTestGateway, type TestGateway } from '../support/index.ts';
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
    });
});
