/** A backend that goes down or comes up is one line, with the reason; one that flaps is no flood; nobody up is said. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { Log } from '../../src/base/log.ts';
import { silentObserver } from '../../src/call/index.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { BackendLog } from '../../src/fleet/backend-log.ts';
import { type BackendAddress, Fleet, HttpFleet } from '../../src/fleet/index.ts';
import { freePort, manualClock, startGenerativeServer, waitFor } from '../support/index.ts';
import { httpOptionsOf, optionsOf } from './options.ts';

interface Line {
  readonly level: string;
  readonly text: string;
  readonly fields: Record<string, unknown>;
}

function recordingLog(): { log: Log; lines: Line[]; texts: () => string[] } {
  const lines: Line[] = [];
  const at =
    (level: string) =>
    (fields: object, text: string): void =>
      void lines.push({ level, text, fields: fields as Record<string, unknown> });
  return {
    log: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') },
    lines,
    texts: () => lines.map(({ text }) => text),
  };
}

describe('the log of backends', () => {
  function make(count = { up: 1, of: 2 }) {
    const { clock, advance } = manualClock();
    const recorded = recordingLog();
    const backends = new BackendLog({ fleet: () => 'main', log: recorded.log, clock, count: () => count });
    return { backends, advance, ...recorded };
  }

  it('has a line for each change, and none for each look', () => {
    const { backends, lines } = make();
    for (let i = 0; i < 3; i++) backends.saw('a:1', true, '');
    for (let i = 0; i < 3; i++)
      backends.saw('a:1', false, 'backend a:1: no connection (connect ECONNREFUSED a:1)');
    backends.saw('a:1', true, '');
    assert.deepEqual(lines, [
      { level: 'info', text: 'backend a:1 is up', fields: { fleet: 'main', backend: 'a:1', up: 1, of: 2 } },
      {
        level: 'warn',
        text: 'backend a:1 is down: connection refused',
        fields: { fleet: 'main', backend: 'a:1', up: 1, of: 2, reason: 'connection refused' },
      },
      { level: 'info', text: 'backend a:1 is up', fields: { fleet: 'main', backend: 'a:1', up: 1, of: 2 } },
    ]);
  });

  it('has a bounded number of lines for one that flaps, says how many it left out, and what it is in the end', () => {
    const { backends, lines, texts, advance } = make();
    for (let i = 0; i < 1000; i++) backends.saw('a:1', i % 2 === 0, 'gone');
    backends.saw('b:1', false, 'never there');
    assert.deepEqual(texts(), [
      'backend a:1 is up',
      'backend a:1 is down: gone',
      'backend a:1 is up',
      'backend a:1 is down: gone',
      'backend b:1 is down: never there',
    ]);
    advance(59_999);
    backends.tick();
    assert.equal(lines.length, 5);
    advance(1);
    backends.tick();
    backends.tick();
    assert.deepEqual(lines.slice(5), [
      {
        level: 'warn',
        text: 'backend a:1 is down: gone',
        fields: { fleet: 'main', backend: 'a:1', up: 1, of: 2, suppressed: 996, reason: 'gone' },
      },
    ]);
  });

  it('says that nobody is left, and at the end of the start how many there are', () => {
    const { backends, texts } = make({ up: 0, of: 2 });
    backends.saw('a:1', false, 'gone');
    backends.settle();
    backends.saw('a:1', true, '');
    backends.saw('a:1', false, 'gone');
    assert.deepEqual(texts(), [
      'backend a:1 is down: gone',
      '0 of 2 backends are up',
      'backend a:1 is up',
      'backend a:1 is down: gone',
      '0 of 2 backends are up',
    ]);
  });
});

describe('the log of a fleet', () => {
  const stops: (() => unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  const addressOf = (port: number): BackendAddress => ({
    name: `127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    api: 'tfs',
  });
  const deps = (log: Log) => ({
    observer: silentObserver,
    log,
    clock: () => performance.now(),
    random: Math.random,
    reserveProbe: () => 0,
  });

  it('says which backends are not there, and how many are', async () => {
    const server: DemoServer = await startDemoServer({ models: ['echo'] });
    stops.push(() => server.stop());
    const [nobody, { log, texts, lines }] = [await freePort(), recordingLog()];
    const fleet = new Fleet(optionsOf([addressOf(server.port), addressOf(nobody)]), deps(log));
    stops.push(() => {
      fleet.stop(false);
    });
    await fleet.start();
    const down = `backend 127.0.0.1:${nobody} is down: connection refused`;
    await waitFor(() => texts().includes(down), 5000, down);
    assert.ok(texts().includes(`backend 127.0.0.1:${server.port} is up`));
    assert.ok(texts().includes('1 of 2 backends are up'), texts().join('\n'));
    await server.stop();
    const gone = `backend 127.0.0.1:${server.port} is down: connection refused`;
    await waitFor(() => texts().includes(gone), 5000, gone);
    assert.ok(texts().includes('0 of 2 backends are up'));
    const left = lines.find(({ text }) => text.startsWith('model is not available'));
    assert.ok(
      typeof left?.fields['reason'] === 'string' && left.fields['reason'] !== '',
      JSON.stringify(left),
    );
    const again = texts().filter((text) => text === down);
    assert.equal(again.length, 1);
  });

  it('says it of one that takes connections and says nothing', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    stops.push(() => silent.close());
    const { port } = silent.address() as { port: number };
    const { log, texts } = recordingLog();
    const fleet = new Fleet(optionsOf([addressOf(port)]), deps(log));
    stops.push(() => {
      fleet.stop(false);
    });
    await fleet.start();
    await waitFor(() => texts().some((text) => text.includes('is down: ')), 5000, 'the line');
    assert.ok(texts().includes('0 of 1 backends are up'));
  });

  it('says it of servers of HTTP, too', async () => {
    const server = await startGenerativeServer();
    const [nobody, { log, texts }] = [await freePort(), recordingLog()];
    const { port } = server;
    const backends = [port, nobody].map((each) => {
      const { name, host } = addressOf(each);
      return { name, host, port: each };
    });
    const fleet = new HttpFleet(httpOptionsOf(backends), deps(log));
    stops.push(() => {
      fleet.stop(false);
    });
    await fleet.start();
    await waitFor(
      () => texts().includes(`backend 127.0.0.1:${nobody} is down: connection refused`),
      5000,
      'the line',
    );
    assert.ok(texts().includes(`backend 127.0.0.1:${port} is up`));
    assert.ok(texts().includes('1 of 2 backends are up'));
    await server.close();
    await waitFor(() => texts().includes('0 of 2 backends are up'), 5000, 'nobody is up');
  });
});
