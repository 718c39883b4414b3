/** Rate limits as clients meet them: held by the workers of one gateway, and by two gateways through Redis. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ServiceError, status } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  missing,
  startGatewayProcess,
  startRedis,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';
import { nonceRequest } from './history.ts';
import { type PredictClient, predictClient } from './predict-client.ts';

/** So slow that no token comes back while a test runs. */
const limit = { name: 'per tenant', by: 'header:x-tenant', perSecond: 0.001, burst: 40 };

/** Whether the call was let through. */
async function ask(client: PredictClient, tenant: string): Promise<boolean> {
  try {
    await client.predict(nonceRequest('echo', 1n), { deadlineMs: 20_000, metadata: { 'x-tenant': tenant } });
    return true;
  } catch (error) {
    assert.equal((error as ServiceError).code, status.RESOURCE_EXHAUSTED, String(error));
    return false;
  }
}

async function passed(clients: readonly PredictClient[], calls: number, tenant: string): Promise<number> {
  let count = 0;
  for (let i = 0; i < calls; i++)
    if (await ask(clients[i % clients.length] as PredictClient, tenant)) count++;
  return count;
}

describe('a rate limit', () => {
  let fleet: DemoFleet;
  let urls: string[];
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['echo'] });
    urls = fleet.backends.map(({ url }) => url);
  });
  after(() => fleet.stop());

  it('is the whole gateway’s: one connection may use all of it, and then nothing is left at another worker', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tensorgate-rates-'));
    const config = join(folder, 'gateway.yaml');
    writeFileSync(config, stringify({ rateLimits: [limit] }));
    const gateway = await startGatewayProcess(urls, ['--workers', '2', '--config', config]);
    const clients = Array.from({ length: 4 }, () => predictClient(gateway.grpc));
    try {
      const [first] = clients as [PredictClient];
      assert.equal(await passed([first], limit.burst + 5, 'a'), limit.burst);
      // what the other worker lets through before it hears of that
      let more = 0;
      await waitFor(async () => {
        const count = await passed(clients, clients.length, 'a');
        more += count;
        return count === 0;
      }, 20_000);
      assert.ok(more < limit.burst, `${more} more`);
      assert.equal(await passed([first], 1, 'b'), 1);
    } finally {
      for (const client of clients) client.close();
      await gateway.process.stop();
      rmSync(folder, { recursive: true });
    }
  });

  it(
    'that is shared is one for two gateways, and each one’s own without Redis',
    { skip: missing('redis-server') },
    async () => {
      const redis = await startRedis();
      const config = {
        rateLimits: [{ ...limit, shared: true }],
        // a machine that is busy is not what this test is about
        sharedLimits: { redisUrl: redis.url, waitMs: 3000, timeoutMs: 5000, connectTimeoutMs: 5000 },
      };
      const gateways: TestGateway[] = [
        await startTestGateway(urls, config),
        await startTestGateway(urls, config),
      ];
      const clients = gateways.map(({ grpc }) => predictClient(grpc));
      const decided = async (by: string): Promise<number> => {
        const pages = gateways.map(async ({ admin }) => (await fetch(`http://${admin}/metrics`)).text());
        return (await Promise.all(pages))
          .flatMap((page) => page.split('\n'))
          .filter(
            (line) =>
              line.startsWith('tensorgate_shared_limit_decisions_total') && line.includes(`by="${by}"`),
          )
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
      };
      try {
        // both have a connection to Redis
        await waitFor(async () => {
          const before = await decided('redis');
          await passed(clients, clients.length, 'nobody');
          return (await decided('redis')) === before + clients.length;
        }, 20_000);
        assert.equal(await passed(clients, 3 * limit.burst, 'a'), limit.burst);
        assert.ok((await decided('memory')) > 0, 'refusals are remembered');
        await redis.kill();
        await waitFor(async () => {
          const before = await decided('down');
          await passed(clients, clients.length, 'nobody');
          return (await decided('down')) === before + clients.length;
        }, 20_000);
        assert.equal(await passed(clients, 3 * limit.burst, 'b'), 2 * limit.burst);
      } finally {
        for (const client of clients) client.close();
        await Promise.all(gateways.map((gateway) => gateway.stop()));
        await redis.stop();
      }
    },
  );
});
