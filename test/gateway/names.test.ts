/** Public names over the real doors: gRPC, REST and the fleet agree on what is behind one. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { decodeHealthCheckResponse, encodeHealthCheckRequest, servingStatus } from '../../src/codec/index.ts';
import { startDemoServer } from '../../src/demo/index.ts';
import { rawClient } from '../demo/client.ts';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';

describe('public names', () => {
  let server: Awaited<ReturnType<typeof startDemoServer>>;
  let gateway: TestGateway;
  before(async () => {
    server = await startDemoServer({ models: ['half_plus_two', 'other=half_plus_two'], name: 'one' });
    gateway = await startTestGateway([`tfs://127.0.0.1:${server.port}`], {
      models: {
        halves: { model: 'half_plus_two', labels: { stable: 123 } },
        canary: {
          split: [
            { model: 'half_plus_two', weight: 50 },
            { model: 'other', weight: 50 },
          ],
          stickyHeader: 'x-user',
          rules: [{ header: 'x-tenant', value: 'beta', model: 'other' }],
        },
        half_plus_two: { mirror: { model: 'other' } },
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });

  const predict = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`http://${gateway.rest}/v1/models/${path}:predict`, {
      method: 'POST',
      headers,
      body: '{"instances":[5.0]}',
    });
  const metrics = async (): Promise<string> => (await fetch(`http://${gateway.admin}/metrics`)).text();
  async function counted(pattern: RegExp): Promise<number> {
    const lines = (await metrics()).split('\n').filter((line) => pattern.test(line));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  it('answers for a public name, by its labels too, and asks the server by its own', async () => {
    for (const path of ['halves', 'halves/labels/stable', 'halves/versions/123']) {
      const answer = await predict(path);
      assert.equal(await answer.text(), '{"predictions":[4.5]}', path);
    }
    const status = (await (await fetch(`http://${gateway.rest}/v1/models/halves`)).json()) as {
      model_version_status: { state: string }[];
    };
    assert.equal(status.model_version_status[0]?.state, 'AVAILABLE');
    const metadata = await fetch(`http://${gateway.rest}/v1/models/halves/metadata`);
    assert.equal(metadata.status, 200);
    assert.equal(await counted(/requests_success.*name="halves"/), 0);
    assert.ok((await counted(/requests_success.*method="Predict".*name="half_plus_two"/)) >= 3);
  });

  it('tells the health of a model under its public name, too', async () => {
    const client = rawClient(Number(gateway.grpc.split(':')[1]));
    try {
      for (const name of ['halves', 'canary', 'half_plus_two']) {
        const { bytes } = await client.call('Check', encodeHealthCheckRequest(name));
        assert.equal(decodeHealthCheckResponse(bytes), servingStatus.SERVING, name);
      }
      await assert.rejects(client.call('Check', encodeHealthCheckRequest('nobody')), /NOT_FOUND/);
    } finally {
      client.close();
    }
  });

  it('keeps a user to one part of a split, and shares users out', async () => {
    const before = await counted(/requests_success.*Predict.*name="other"/);
    const users = Array.from({ length: 40 }, (_, i) => `user-${i}`);
    for (const user of users) assert.equal((await predict('canary', { 'x-user': user })).status, 200);
    const first = (await counted(/requests_success.*Predict.*name="other"/)) - before;
    for (const user of users) await predict('canary', { 'x-user': user });
    const second = (await counted(/requests_success.*Predict.*name="other"/)) - before - first;
    assert.equal(second, first);
    assert.ok(first > 8 && first < 32, `${first} of 40`);
  });

  it('routes by a header before the split', async () => {
    const before = await counted(/requests_success.*Predict.*name="other"/);
    for (let i = 0; i < 10; i++) await predict('canary', { 'x-tenant': 'beta', 'x-user': String(i) });
    assert.equal((await counted(/requests_success.*Predict.*name="other"/)) - before, 10);
  });

  it('copies calls to the mirror', async () => {
    const before = await counted(/mirrored_total.*outcome="ok"/);
    assert.equal((await predict('half_plus_two')).status, 200);
    await waitFor(async () => (await counted(/mirrored_total.*outcome="ok"/)) > before, 5000, 'a copy');
  });
});
