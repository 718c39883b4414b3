/**
 * The repository index of real servers: before each of them the gateway lists what the server itself does, without a
 * call for any model.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing, startTestGateway, waitFor } from '../support/index.ts';
import { startKserve } from './servers/kserve.ts';
import { startMlserver } from './servers/mlserver.ts';
import { bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

interface Entry {
  readonly name: string;
  readonly version?: string;
  readonly state?: string;
}

const models = bridgeModels.filter(({ name }) => /^(my_.*|identity_(float|int64))$/.test(name));
const servers = [
  { tool: 'tritonserver', start: () => startTriton(models) },
  { tool: 'mlserver', start: () => startMlserver(models) },
] as const;

async function index(address: string): Promise<string[]> {
  const answer = await fetch(`http://${address}/v2/repository/index`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  assert.equal(answer.status, 200);
  const entries = (await answer.json()) as Entry[];
  return entries.map(({ name, version = '', state = '' }) => `${name} ${version} ${state}`).sort();
}

for (const { tool, start } of servers) {
  describe(`the index of ${tool}`, { skip: missing(tool) }, () => {
    let server: RealServer;
    before(async () => {
      server = await start();
    });
    after(async () => {
      await server.stop();
    });
    for (const api of ['grpc', 'kserve', 'kserve+http'] as const) {
      it(`is the gateway's, behind ${api}://`, async () => {
        const gateway = await startTestGateway([
          `${api}://${api === 'kserve+http' ? server.http : server.grpc}`,
        ]);
        try {
          const own = await index(server.http);
          assert.equal(own.length, models.length);
          assert.deepEqual(await index(gateway.rest), own);
        } finally {
          await gateway.stop();
        }
      });
    }
  });
}

describe('KServe’s own server, which has no index', { skip: missing('kserve') }, () => {
  it('is up, and its models are listed once they are known', async () => {
    const server = await startKserve();
    const gateway = await startTestGateway([`kserve+http://${server.http}`, `grpc://${server.grpc}`]);
    try {
      // neither is taken for down because it lacks the question
      await waitFor(async () => {
        const { fleets } = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
          fleets: { backends: { up: boolean }[] }[];
        };
        return fleets[0]?.backends.every(({ up }) => up) === true;
      }, 60_000);
      assert.deepEqual(await index(gateway.rest), []);
      const model = `http://${gateway.rest}/v2/models/my_model/ready`;
      await waitFor(async () => (await fetch(model)).status === 200);
      assert.deepEqual(await index(gateway.rest), ['my_model 1 READY']);
    } finally {
      await gateway.stop();
      await server.stop();
    }
  });
});
