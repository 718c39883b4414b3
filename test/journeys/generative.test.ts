/**
 * A gateway of two workers, from the command line, in front of a generative server: streams survive its orderly end.
 */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import {
  freePort,
  type GenerativeServer,
  type RunningProcess,
  sleep,
  startGenerativeServer,
  startProcess,
} from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

describe('two workers in front of a generative server', () => {
  let server: GenerativeServer;
  let gateway: RunningProcess;
  let url: string;

  before(async () => {
    server = await startGenerativeServer();
    const [rest, grpc, admin] = [await freePort(), await freePort(), await freePort()];
    const ports = ['--rest-port', rest, '--grpc-port', grpc, '--admin-port', admin].map(String);
    const serve = ['serve', '--host', '127.0.0.1', '--workers', '2', '--backend', server.url, ...ports];
    gateway = await startProcess(process.execPath, [main, ...serve], { ready: 'is serving' });
    url = `http://127.0.0.1:${rest}`;
  });
  after(async () => {
    await gateway.stop();
    await server.close();
  });

  it('finish their streams after SIGTERM, each by its own worker', { timeout: 60_000 }, async () => {
    const start = async (events: number): Promise<Response> =>
      fetch(`${url}/v3/chat/completions`, {
        method: 'POST',
        headers: { 'x-events': String(events), 'x-pause-ms': '100', connection: 'close' },
        body: JSON.stringify({ model: 'tiny-llm', stream: true }),
      });
    // longer than the grace time, so that the drain itself is waited for
    const streams = await Promise.all(Array.from({ length: 8 }, () => start(80)));
    await sleep(200);
    gateway.signal('SIGTERM');
    const texts = await Promise.all(streams.map((answer) => answer.text()));
    for (const text of texts) assert.match(text, /word79.*\[DONE\]/s);
    assert.equal(await gateway.exited, 0);
    assert.equal(server.seen.length, 8);
  });
});
