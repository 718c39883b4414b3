/**
 * An HTTP/1.1 client that sends requests and reads no answers: what is held for it stands in the account, is bounded,
 * and ends as a slow reader's.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import { emptied, heldBytes, holding } from '../support/held.ts';
import { framed, predictMessage, predictPath, sleep, startTestGateway, waitFor } from '../support/index.ts';

const mebi = 2 ** 20;

it('an HTTP/1.1 client that reads nothing is held to one answer, counted, and cut off', async (t) => {
  const fleet = await startDemoFleet({ replicas: 1, models: ['echo'] });
  const gateway = await startTestGateway(
    fleet.backends.map(({ url }) => url),
    // an idle connection would be closed before a slow reader is
    { doors: { writeTimeoutMs: 2000, keepAliveTimeoutMs: 300 } },
  );
  const [host, port] = gateway.rest.split(':') as [string, string];
  const socket = connect({ host, port: Number(port) });
  t.after(async () => {
    socket.destroy();
    await gateway.stop();
    await fleet.stop();
  });
  let closed = false;
  socket.on('error', () => undefined).on('close', () => (closed = true));
  socket.pause();
  const body = framed(predictMessage('echo', 250_000));
  const head = `POST ${predictPath} HTTP/1.1\r\nHost: x\r\nContent-Type: application/grpc-web\r\nContent-Length: ${body.length}\r\n\r\n`;
  for (let i = 0; i < 40; i++) {
    socket.write(head);
    socket.write(body);
  }
  await holding(gateway.admin, 300_000);
  await sleep(800);
  const { replies = 0, requests = 0, copies = 0, messages = 0 } = await heldBytes(gateway.admin);
  assert.ok(replies > 262_144 && replies < 2 * mebi, `${replies} bytes of answers wait`);
  assert.ok(requests > 0 && requests < 300_000, `${requests} bytes of requests wait behind them`);
  assert.equal(copies + messages, 0);
  assert.ok(!closed, 'it is no idle connection');
  await waitFor(
    async () =>
      /limited_total\{limit="slow reader"\} 1\b/.test(
        await (await fetch(`http://${gateway.admin}/metrics`)).text(),
      ),
    10_000,
    'a slow reader that is counted',
  );
  await emptied(gateway.admin);
});
