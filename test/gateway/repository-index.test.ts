/** V2's repository index: what every server of the fleets lists, by the names that clients may ask for. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { run, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';

interface Entry {
  readonly name: string;
  readonly version?: string;
  readonly state?: string;
  readonly reason?: string;
}

/** A V2 REST server that has models, and a list of them unless it lacks that. */
class Listing {
  readonly #server: Server;
  answer: { status: number; body: unknown };
  /** Requests for the list. */
  asked = 0;
  /** Models that it has been asked about. */
  readonly looked = new Set<string>();

  constructor(models: readonly Entry[]) {
    this.answer = { status: 200, body: models };
    this.#server = createServer((request, response) => {
      const say = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      request.resume();
      const path = request.url ?? '';
      const model = /^\/v2\/models\/([^/]+)/.exec(path)?.[1];
      if (path === '/v2/repository/index') {
        this.asked++;
        say(this.answer.status, this.answer.body);
      } else if (model !== undefined) {
        this.looked.add(model);
        say(404, { error: `no model ${model}` });
      } else if (path.startsWith('/v2')) say(200, { name: 'stub', version: '1', extensions: [], live: true });
      else say(404, { error: 'no such path' });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `kserve+http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const ready = (name: string, version = '1'): Entry => ({ name, version, state: 'READY' });
const health = { intervalMs: 100, fastIntervalMs: 50 };

async function index(gateway: TestGateway, body = ''): Promise<Entry[]> {
  const answer = await fetch(`http://${gateway.rest}/v2/repository/index`, { method: 'POST', body });
  assert.equal(answer.status, 200);
  const entries = (await answer.json()) as Entry[];
  return entries.sort((a, b) => `${a.name} ${a.version}`.localeCompare(`${b.name} ${b.version}`));
}

describe('the repository index of a fresh gateway', () => {
  let one: Listing;
  let other: Listing;
  let urls: string[];
  const gateways: TestGateway[] = [];
  const gatewayOf = async (...args: Parameters<typeof startTestGateway>): Promise<TestGateway> => {
    const gateway = await startTestGateway(...args);
    gateways.push(gateway);
    return gateway;
  };
  before(async () => {
    one = new Listing([]);
    other = new Listing([]);
    urls = [await one.start(), await other.start()];
  });
  afterEach(async () => {
    for (const gateway of gateways.splice(0)) await gateway.stop();
  });
  after(() => {
    one.stop();
    other.stop();
  });
  const list = (first: readonly Entry[], second: readonly Entry[] = []): void => {
    one.answer = { status: 200, body: first };
    other.answer = { status: 200, body: second };
  };

  it('is the union of what its servers list, in the best state that one has a version in', async () => {
    const failed = { name: 'b', version: '1', state: 'UNAVAILABLE', reason: 'out of memory' };
    list(
      [ready('a'), failed, ready('text', 'v1.2'), { name: 'stored' }, { name: 'c' }],
      [ready('a'), ready('a', '2'), { name: 'b', version: '2', state: 'LOADING' }, ready('c', '7')],
    );
    const gateway = await gatewayOf(urls);
    const expected = [
      ready('a'),
      ready('a', '2'),
      failed,
      { name: 'b', version: '2', state: 'LOADING' },
      ready('c', '7'),
      { name: 'stored' },
      ready('text', 'v1.2'),
    ];
    assert.deepEqual(await index(gateway), expected);
    assert.deepEqual(await index(gateway, '{}'), expected);
    assert.deepEqual(
      await index(gateway, '{"ready": true}'),
      expected.filter(({ state }) => state === 'READY'),
    );
    for (const body of ['{"ready": 1}', '[]', '{']) {
      const refused = await fetch(`http://${gateway.rest}/v2/repository/index`, { method: 'POST', body });
      assert.equal(refused.status, 400, body);
    }
    // a list is no reason to look at each of its models
    assert.equal(one.looked.size + other.looked.size, 0);
  });

  it('is in the list of models, at the admin door and in `models` too', async () => {
    list([ready('a')], [ready('a'), ready('b', '3')]);
    const gateway = await gatewayOf(urls);
    const listed = (await (await fetch(`http://${gateway.rest}/v1/models`)).json()) as {
      data: { id: string }[];
    };
    assert.deepEqual(listed.data.map(({ id }) => id).sort(), ['a', 'b']);
    const { fleets } = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
      fleets: { models: { name: string; backends: number; available: number }[] }[];
    };
    assert.deepEqual(
      fleets[0]?.models.map(({ name, backends, available }) => [name, backends, available]),
      [
        ['a', 2, 2],
        ['b', 1, 1],
      ],
    );
    const main = new URL('../../src/main.ts', import.meta.url).pathname;
    const told = await run(process.execPath, [main, 'models', '--admin', `http://${gateway.admin}`]);
    assert.match(told.stdout, /\bb\b.*3.*1 of 2/);
  });

  it('is kept true, outlives a failing answer, and goes with its server', async () => {
    list([ready('a')], [ready('b')]);
    const gateway = await gatewayOf([], { fleets: { default: { backends: urls, health } } });
    const names = async (): Promise<string> =>
      (await index(gateway)).map(({ name, state }) => `${name} ${state}`).join(', ');
    assert.equal(await names(), 'a READY, b READY');
    list([ready('a2')], [ready('b')]);
    await waitFor(async () => (await names()) === 'a2 READY, b READY');
    one.answer = { status: 500, body: { error: 'broken' } };
    const { asked } = one;
    await waitFor(() => one.asked >= asked + 3);
    assert.equal(await names(), 'a2 READY, b READY');
    const shown = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
      fleets: { backends: { up: boolean }[] }[];
    };
    assert.deepEqual(
      shown.fleets[0]?.backends.map(({ up }) => up),
      [true, true],
    );
    await gateway.configure({ fleets: { default: { backends: urls.slice(1), health } } });
    await waitFor(async () => (await names()) === 'b READY');
  });

  it('says of models whose servers are all down that they are not to be had', async () => {
    const third = new Listing([ready('gone')]);
    list([ready('a')]);
    const backends = [urls[0], await third.start()];
    const gateway = await gatewayOf([], { fleets: { default: { backends, health } } });
    assert.deepEqual(await index(gateway), [ready('a'), ready('gone')]);
    third.stop();
    const down = { name: 'gone', version: '1', state: 'UNAVAILABLE', reason: 'no backend that has it is up' };
    await waitFor(async () => (await index(gateway)).some(({ state }) => state === 'UNAVAILABLE'));
    assert.deepEqual(await index(gateway), [ready('a'), down]);
    assert.deepEqual(await index(gateway, '{"ready": true}'), [ready('a')]);
  });

  it('asks a server that has no list once, and takes it for well', async () => {
    list([ready('a')]);
    other.answer = { status: 404, body: { detail: 'Not Found' } };
    const { asked } = other;
    const gateway = await gatewayOf([], { fleets: { default: { backends: urls, health } } });
    const since = one.asked;
    await waitFor(() => one.asked >= since + 3);
    assert.equal(other.asked, asked + 1);
    assert.deepEqual(await index(gateway), [ready('a')]);
  });

  it('has the names that clients ask for, and none that leads nowhere', async () => {
    list(
      [ready('own'), ready('renamed'), ready('both')],
      [ready('both', '2'), ready('hidden'), ready('theirs')],
    );
    const gateway = await gatewayOf([], {
      fleets: { default: { backends: urls.slice(0, 1) }, second: { backends: urls.slice(1) } },
      models: {
        public: { model: 'renamed' },
        // clients who ask by this name get another model
        renamed: { model: 'own' },
        // and by this one, or by its own name, that of the second fleet
        shared: { model: 'both', fleet: 'second' },
      },
    });
    assert.deepEqual(await index(gateway), [ready('both', '2'), ready('own'), ready('public')]);
  });
});
