/**
 * The proxy in front of several generative servers: balancing, health, TLS, reload and drain, with streams under way.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  type GenerativeServer,
  makeCertificates,
  sleep,
  startGenerativeServer,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../../support/index.ts';

const health = { intervalMs: 200, fastIntervalMs: 50, timeoutMs: 500 };

const chat = (gateway: TestGateway, events = 5, pauseMs = 20): Promise<Response> =>
  fetch(`http://${gateway.rest}/v3/chat/completions`, {
    method: 'POST',
    headers: { 'x-events': String(events), 'x-pause-ms': String(pauseMs) },
    body: JSON.stringify({ model: 'tiny-llm', stream: true }),
  });

async function between(
  count: number,
  config: Record<string, unknown>,
  test: (servers: GenerativeServer[], gateway: TestGateway) => Promise<void>,
): Promise<void> {
  const servers = await Promise.all(Array.from({ length: count }, () => startGenerativeServer()));
  const gateway = await startTestGateway([], {
    fleets: { llm: { backends: servers.map(({ url }) => url), health } },
    ...config,
  });
  try {
    await test(servers, gateway);
  } finally {
    await gateway.stop();
    await Promise.all(servers.map((server) => server.close()));
  }
}

describe('the proxy in front of several generative servers', () => {
  it('sends each stream to the one with less to do', () =>
    between(2, {}, async ([first, second], gateway) => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => chat(gateway, 20)));
      await Promise.all(answers.map((answer) => answer.text()));
      assert.equal(first?.seen.length, 10);
      assert.equal(second?.seen.length, 10);
    }));

  it('loses no new request to a server that dies, tells the cut streams, and uses it again when it is back', () =>
    between(2, {}, async ([dying, staying], gateway) => {
      assert.ok(dying !== undefined && staying !== undefined);
      const streams = await Promise.all(Array.from({ length: 4 }, () => chat(gateway, 40, 25)));
      await sleep(100);
      await dying.close();
      // at once, before any health check could have seen it
      const after = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const answer = await chat(gateway, 2, 5);
          return `${answer.status} ${(await answer.text()).includes('[DONE]')}`;
        }),
      );
      assert.deepEqual([...new Set(after)], ['200 true']);
      const ends = await Promise.allSettled(streams.map((answer) => answer.text()));
      const whole = ends.map((end, i) => [streams[i]?.headers.get('x-served-by'), end.status]);
      for (const [from, status] of whole)
        assert.equal(status, from === dying.name ? 'rejected' : 'fulfilled', JSON.stringify(whole));

      const again = await startGenerativeServer({ port: dying.port });
      await waitFor(async () => {
        await (await chat(gateway, 1, 5)).text();
        return again.seen.length > 0;
      }, 2000);
      await again.close();
    }));

  it('leaves out a server whose health check fails, and says why when there is none', () =>
    between(1, {}, async ([server], gateway) => {
      assert.ok(server !== undefined);
      server.health = 503;
      const answer = await waitFor(async () => {
        const tried = await chat(gateway, 1, 5);
        if (tried.status === 503) return tried;
        await tried.text();
        return undefined;
      });
      const { error } = (await answer.json()) as { error: { message: string } };
      assert.match(
        error.message,
        /no backend of fleet llm can answer: .*GET \/v2\/health\/ready answers 503/,
      );
      assert.equal(answer.headers.get('retry-after'), '1');
      const ready = await fetch(`http://${gateway.admin}/readyz`);
      assert.equal(ready.status, 503);
      server.health = 200;
      await waitFor(async () => (await fetch(`http://${gateway.admin}/readyz`)).status === 200);
    }));

  it('leaves out a server that keeps breaking off while its health check is fine', () =>
    between(2, {}, async ([bad, good], gateway) => {
      assert.ok(bad !== undefined && good !== undefined);
      bad.answer = (request) => request.socket.destroy();
      const statuses: number[] = [];
      for (let i = 0; i < 60; i++) {
        const answer = await chat(gateway, 1, 1);
        statuses.push(answer.status);
        await answer.text();
      }
      assert.equal(statuses.filter((status) => status === 502).length, 5, 'ejected after five in a row');
      assert.deepEqual([...new Set(statuses.slice(-20))], [200]);
    }));

  it('sends GET again to another server, and POST only when nothing of it was sent', () =>
    between(2, {}, async ([first, second], gateway) => {
      assert.ok(first !== undefined && second !== undefined);
      let broken = 0;
      first.answer = second.answer = (request, response) => {
        if (broken++ === 0) request.socket.destroy();
        else response.end('fine');
      };
      const read = await fetch(`http://${gateway.rest}/v3/models/x`);
      assert.equal(`${read.status} ${await read.text()}`, '200 fine');
      broken = 0;
      const written = await fetch(`http://${gateway.rest}/v3/completions`, { method: 'POST', body: '{}' });
      assert.equal(written.status, 502);
      assert.equal(broken, 1);
    }));

  it('lets streams end on a reload, and sends new ones where the new configuration says', () =>
    between(1, {}, async ([server], gateway) => {
      const before = await chat(gateway, 30, 20);
      await gateway.reload();
      const [old, young] = await Promise.all([before.text(), chat(gateway).then((answer) => answer.text())]);
      assert.match(old, /word29.*\[DONE\]/s);
      assert.match(young, /word4.*\[DONE\]/s);
      assert.equal(server?.seen.length, 2);
    }));

  it('lets streams end on a drain', () =>
    between(1, { shutdown: { graceMs: 0, drainMs: 5000 } }, async (_servers, gateway) => {
      const answer = await chat(gateway, 30, 20);
      const startedMs = performance.now();
      const [text] = await Promise.all([answer.text(), gateway.gateway.drain()]);
      assert.match(text, /word29.*\[DONE\]/s);
      const tookMs = performance.now() - startedMs;
      assert.ok(tookMs < 3000, `the drain took ${tookMs} ms for a stream of 600`);
    }));

  it('cuts a stream that outlasts the drain', () =>
    between(1, { shutdown: { graceMs: 0, drainMs: 300 } }, async ([server], gateway) => {
      const answer = await chat(gateway, 1000, 20);
      await gateway.gateway.drain();
      await assert.rejects(answer.text());
      await waitFor(() => server?.seen[0]?.leftAtMs);
    }));
});

describe('the proxy in front of a generative server with TLS', () => {
  it('verifies its certificate', async () => {
    const file = await makeCertificates('server');
    const tls = {
      cert: readFileSync(file('server.pem'), 'utf8'),
      key: readFileSync(file('server.key'), 'utf8'),
    };
    const server = await startGenerativeServer({ tls });
    for (const [settings, status] of [
      [{ ca: file('ca.pem') }, 200],
      [{}, 503],
      [{ ca: file('ca.pem'), serverName: 'other.example' }, 503],
    ] as const) {
      const gateway = await startTestGateway([], {
        fleets: { llm: { backends: [server.url], health, tls: settings } },
      });
      const answer = await chat(gateway, 1, 1);
      const text = await answer.text();
      assert.equal(answer.status, status, text);
      if (status === 503) assert.match(text, /no connection \([A-Z_]*(CERT|LEAF|ALTNAME|SIGNATURE)[A-Z_]*\)/);
      await gateway.stop();
    }
    assert.equal(server.seen.length, 1);
    await server.close();
  });
});
