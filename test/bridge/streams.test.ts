/**
 * Streams of real servers: Triton's decoupled models through tritonclient and as server-sent events, and MLServer's
 * streams.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, describe, it } from 'node:test';
import { ask, type Got, whole } from '../gateway/generations.ts';
import {
  missing,
  run,
  type RunningProcess,
  startProcess,
  startTestGateway,
  type TestGateway,
  tool,
  waitFor,
} from '../support/index.ts';
import { mlserverModels, startMlserver } from './servers/mlserver.ts';
import { bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

const script = fileURLToPath(new URL('python/streams.py', import.meta.url));
const events = { accept: 'text/event-stream' };
const isStrings = ({ name }: { readonly name: string }): boolean => name === 'identity_string';

interface Event {
  readonly id?: string;
  readonly error?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly { readonly data: readonly string[] }[];
}
const eventsIn = ({ body }: Got): Event[] =>
  body
    .split('\n\n')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => JSON.parse(part.slice(6)) as Event);
const wordsIn = (got: Got): (string | undefined)[] =>
  eventsIn(got).map(({ outputs }) => outputs?.[0]?.data[0]);

describe("Triton's decoupled models", { skip: missing('tritonserver') ?? missing('triton') }, () => {
  let triton: Required<RealServer>;
  let gateway: TestGateway;
  let overRest: TestGateway;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'streams-'));
    triton = await startTriton(bridgeModels.filter(isStrings), { withDecoupled: true });
    gateway = await startTestGateway([`kserve://${triton.grpc}`]);
    overRest = await startTestGateway([`kserve+http://${triton.http}`]);
  });
  after(async () => {
    await gateway.stop();
    await overRest.stop();
    await triton.stop();
    rmSync(folder, { recursive: true });
  });

  let folders = 0;
  function newFolder(): string {
    const made = join(folder, String(folders++));
    mkdirSync(made);
    return made;
  }
  const open = (gate: string, name: string): void => {
    writeFileSync(join(gate, name), '');
  };
  const marks = (gate: string): string => readFileSync(join(gate, 'mark'), 'utf8');
  const question = (says: object, more: object = {}): object => ({
    id: '7',
    inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], data: [JSON.stringify(says)] }],
    ...more,
  });
  const asked = (says: object, more?: object): Promise<Got> =>
    ask(gateway, '../decoupled/infer', question(says, more), events);

  const operations = [
    ...['order', 'plain', 'none', 'final', 'final-none', 'final-with', 'error', 'unknown-input'],
    ...['timeout', 'cancel'],
  ];
  for (const kind of ['sync', 'aio'])
    it(`are to tritonclient (${kind}) what they are without a gateway`, async () => {
      const of = async (address: string): Promise<unknown> => {
        const place = newFolder();
        const { stdout, stderr } = await run(tool('triton') ?? '', [
          script,
          kind,
          address,
          place,
          ...operations,
        ]);
        assert.notEqual(stdout, '', stderr);
        for (const operation of ['timeout', 'cancel'])
          await waitFor(
            () => marks(join(place, `${kind}-${operation}`)) === 'a\ncancelled\n',
            5000,
            `${operation} at the model`,
          );
        return JSON.parse(stdout);
      };
      const own = (await of(triton.grpc)) as Record<string, unknown>;
      assert.deepEqual(Object.keys(own), operations);
      assert.deepEqual(own['order'], [
        ['2', 'c', false],
        ['2', 'd', false],
        ['1', 'a', false],
        ['1', 'b', false],
      ]);
      assert.deepEqual(await of(gateway.grpc), own);
    });

  it('leave other models with one answer for each request of a stream, whose server is asked over either transport', async () => {
    for (const kind of ['sync', 'aio']) {
      const of = async (address: string, ...asks: string[]): Promise<unknown> =>
        JSON.parse((await run(tool('triton') ?? '', [script, kind, address, newFolder(), ...asks])).stdout);
      const own = (await of(triton.grpc, 'one-answer')) as Record<string, unknown>;
      // a request that is refused is told at once, before those that the model has
      assert.equal(JSON.stringify(own).includes("unexpected inference input 'nope'"), true);
      const inOrder = (answers: unknown): string[] =>
        (answers as { 'one-answer': unknown[] })['one-answer'].map((each) => JSON.stringify(each)).sort();
      for (const door of [gateway, overRest])
        assert.deepEqual(inOrder(await of(door.grpc, 'one-answer')), inOrder(own));
      assert.deepEqual(await of(overRest.grpc, 'plain'), {
        plain: [['error', "HTTP end point doesn't support models with decoupled transaction policy"]],
      });
    }
  });

  it('are events over REST, each there before the next is made', async () => {
    const gate = newFolder();
    open(gate, '0');
    const got = await asked({ say: ['one', 'two', 'three'], gate, mark: join(gate, 'mark') });
    assert.equal(got.status, 200);
    await waitFor(() => wordsIn(got).join() === 'one', 5000, 'the first event');
    assert.equal(marks(gate), 'one\n');
    open(gate, '1');
    await waitFor(() => wordsIn(got).join() === 'one,two', 5000, 'the second event');
    assert.equal(marks(gate), 'one\ntwo\n');
    open(gate, '2');
    open(gate, 'end');
    await waitFor(() => got.whole === true, 5000, 'the end');
    assert.deepEqual(wordsIn(got), ['one', 'two', 'three']);
    for (const { id, parameters } of eventsIn(got))
      assert.deepEqual([id, parameters], ['7', { triton_final_response: false }]);
  });

  it('say that an answer is the last where they are asked to', async () => {
    const parameters = { triton_enable_empty_final_response: true };
    const none = await whole(asked({ say: [] }, { parameters }));
    assert.deepEqual(
      eventsIn(none).map((event) => [event.parameters, event.outputs]),
      [[{ triton_final_response: true }, []]],
    );
    const without = await whole(asked({ say: [] }));
    assert.deepEqual([without.status, without.body, without.whole], [200, '', true]);
  });

  it('have errors as a status, or as events', async () => {
    const first = await whole(asked({ say: ['x'], error: 'no such word' }));
    assert.deepEqual([first.status, JSON.parse(first.body)], [400, { error: 'no such word' }]);
    const later = await whole(asked({ say: ['one', 'x'], error: 'no such word' }));
    assert.deepEqual([wordsIn(later)[0], eventsIn(later)[1]?.error], ['one', 'no such word']);
    assert.equal(later.whole, true);
  });

  it('hear at once that their client has left', async () => {
    const gate = newFolder();
    open(gate, '0');
    const got = await asked({ say: ['one', 'two'], gate, mark: join(gate, 'mark') });
    await waitFor(() => wordsIn(got).join() === 'one', 5000, 'the first event');
    got.leave();
    await waitFor(() => marks(gate) === 'one\ncancelled\n', 5000, 'the end at the model');
  });

  it('refuse one answer, and say what to do where that can be done', async () => {
    const over = async (door: TestGateway, headers: Readonly<Record<string, string>>): Promise<unknown[]> => {
      const got = await whole(ask(door, '../decoupled/infer', question({ say: ['a'] }), headers));
      return [got.status, (JSON.parse(got.body) as { error: string }).error];
    };
    const words = "doesn't support models with decoupled transaction policy";
    const [status, text] = await over(gateway, {});
    assert.equal(status, 501);
    assert.equal(
      text,
      `ModelInfer RPC ${words}; ask with "Accept: text/event-stream", and each answer is a server-sent event`,
    );
    // Triton's own words, which has no such streams over HTTP
    for (const headers of [{}, events])
      assert.deepEqual(await over(overRest, headers), [501, `HTTP end point ${words}`]);
  });

  it('leave other models with one event, before Triton over either transport', async () => {
    for (const door of [gateway, overRest]) {
      const body = { inputs: [{ name: 'x', datatype: 'BYTES', shape: [2], data: ['a', 'b'] }] };
      const got = await whole(ask(door, '../identity_string/infer', body, events));
      assert.deepEqual(
        eventsIn(got).map(({ outputs }) => outputs?.[0]?.data),
        [['a', 'b']],
      );
    }
  });

  it('end with UNAVAILABLE, or one more event, when their server is killed', async () => {
    const gate = newFolder();
    open(gate, '0');
    const got = await asked({ say: ['one', 'two'], gate });
    const clients: RunningProcess[] = [];
    for (const kind of ['sync', 'aio'])
      for (const address of [triton.grpc, gateway.grpc])
        clients.push(
          await startProcess(tool('triton') ?? '', [script, kind, address, newFolder(), 'killed'], {
            ready: 'begun',
          }),
        );
    await waitFor(() => wordsIn(got).join() === 'one', 5000, 'the first event');
    triton.kill();
    for (const client of clients) {
      await client.exited;
      assert.match(client.output(), /\["error", "StatusCode\.UNAVAILABLE"\]\]/);
    }
    await waitFor(() => got.whole !== undefined, 5000, 'the end');
    assert.equal(got.whole, false);
    assert.match(eventsIn(got)[1]?.error ?? '', /127\.0\.0\.1/);
  });
});

describe("MLServer's streams", { skip: missing('mlserver') }, () => {
  let mlserver: RealServer;
  const gateways: TestGateway[] = [];
  before(async () => {
    mlserver = await startMlserver(mlserverModels.filter(isStrings));
    for (const url of [`kserve+http://${mlserver.http}`, `kserve://${mlserver.grpc}`])
      gateways.push(await startTestGateway([url]));
  });
  after(async () => {
    for (const gateway of gateways) await gateway.stop();
    await mlserver.stop();
  });
  const body = (...data: string[]): object => ({
    id: '7',
    inputs: [{ name: 'x', datatype: 'BYTES', shape: [data.length], data }],
  });

  it('are what they are without a gateway, and as good before gRPC', async () => {
    const own = await fetch(`http://${mlserver.http}/v2/models/identity_string/infer_stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body('a', 'b')),
    });
    const text = await own.text();
    const [http, grpc] = gateways as [TestGateway, TestGateway];
    for (const path of ['infer_stream', 'infer', 'versions/1/infer_stream']) {
      const got = await whole(ask(http, `../identity_string/${path}`, body('a', 'b'), events));
      assert.equal(got.fields['content-type'], own.headers.get('content-type'));
      assert.equal(got.body, text);
      const bridged = await whole(ask(grpc, `../identity_string/${path}`, body('a', 'b'), events));
      assert.equal(bridged.fields['content-type'], own.headers.get('content-type'));
      assert.deepEqual(wordsIn(bridged), ['a', 'b']);
    }
  });

  it('break off where the model fails, and say so', async () => {
    for (const gateway of gateways) {
      const got = await whole(ask(gateway, '../identity_string/infer_stream', body('a', 'fail', 'b')));
      assert.deepEqual([got.status, wordsIn(got)[0], eventsIn(got).length], [200, 'a', 2]);
      assert.equal(typeof eventsIn(got)[1]?.error, 'string');
      assert.equal(got.whole, false);
    }
  });
});
