/** What the V2 REST API says of health, which clients of KServe read from the body and others from the status. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../../../support/index.ts';

describe('health in V2 over REST', () => {
  let fleet: DemoFleet;
  const gateways: TestGateway[] = [];
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    gateways.push(await startTestGateway(fleet.backends.map(({ url }) => url)));
    // nobody listens at port 1
    gateways.push(await startTestGateway(['tfs://127.0.0.1:1']));
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await fleet.stop();
  });
  async function get(gateway: TestGateway | undefined, path: string): Promise<[number, unknown]> {
    const answer = await fetch(`http://${gateway?.rest}${path}`);
    return [answer.status, await answer.json()];
  }

  it('is live and ready, and so is a model', async () => {
    const [up] = gateways;
    assert.deepEqual(await get(up, '/v2/health/live'), [200, { live: true }]);
    assert.deepEqual(await get(up, '/v2/health/ready'), [200, { ready: true }]);
    const ready = { name: 'half_plus_two', ready: true };
    assert.deepEqual(await get(up, '/v2/models/half_plus_two/ready'), [200, ready]);
    const [status, body] = await get(up, '/v2/models/nobody/ready');
    assert.equal(status, 404);
    assert.match(JSON.stringify(body), /nobody/);
  });

  it('is alive in V1, and so is a model', async () => {
    for (const gateway of gateways) assert.deepEqual(await get(gateway, '/'), [200, { status: 'alive' }]);
    const [status, body] = await get(gateways[0], '/v1/models/half_plus_two');
    const { name, ready, model_version_status: versions } = body as Record<string, unknown>;
    assert.deepEqual([status, name, ready, (versions as unknown[]).length], [200, 'half_plus_two', true, 1]);
  });

  it('is asked with GET and HEAD alone', async () => {
    const [up] = gateways;
    for (const path of [
      '/v2',
      '/v2/health/live',
      '/v2/models/half_plus_two',
      '/v2/models/half_plus_two/ready',
    ])
      for (const method of ['DELETE', 'PUT', 'PATCH', 'POST']) {
        const answer = await fetch(`http://${up?.rest}${path}`, { method });
        assert.equal(answer.status, 404, `${method} ${path}`);
        assert.match(await answer.text(), /this path takes GET/);
      }
    const head = await fetch(`http://${up?.rest}/v2/models/half_plus_two`, { method: 'HEAD' });
    assert.equal(head.status, 200);
  });

  it('is live and not ready without a backend', async () => {
    const [, down] = gateways;
    assert.deepEqual(await get(down, '/v2/health/live'), [200, { live: true }]);
    assert.deepEqual(await get(down, '/v2/health/ready'), [503, { ready: false }]);
  });
});
