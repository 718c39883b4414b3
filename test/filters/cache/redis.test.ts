/** The response cache over a real Redis: shared between encodings, and never another question's answer. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Redis } from 'ioredis';
import { silentLog } from '../../../src/base/log.ts';
import { monotonic } from '../../../src/base/loop-clock.ts';
import { Code, StatusError } from '../../../src/base/status.ts';
import {
  ByModel,
  type Call,
  decodeGrpcMessage,
  Flow,
  flowOf,
  type Handler,
  type ModelRef,
  type Reply,
  type UnaryCall,
} from '../../../src/call/index.ts';
import { decodePredictResponse } from '../../../src/codec/index.ts';
import {
  cacheFilter,
  type CacheModelOptions,
  type CacheOptions,
  RedisStore,
  type RedisStoreOptions,
} from '../../../src/filters/index.ts';
import {
  errorReply,
  missing,
  readAll,
  recordingObserver,
  type RecordingObserver,
  sleep,
  startRedis,
  stubHandler,
  type TestRedis,
  unaryCall,
  waitFor,
} from '../../support/index.ts';
import { forModel, halfPlusTwo, request, typedRequest } from './questions.ts';

describe('the response cache', { skip: missing('redis-server') }, () => {
  let redis: TestRedis;
  let admin: Redis;
  let store: RedisStore;
  let observer: RecordingObserver;
  let backend: ReturnType<typeof halfPlusTwo>;
  let version: bigint | undefined;
  let incarnation: string;

  const storeOf = async (url: string, fields: Partial<RedisStoreOptions> = {}): Promise<RedisStore> => {
    const made = new RedisStore(
      {
        url,
        // nobody waits for a machine that is busy
        timeoutMs: 5000,
        connectTimeoutMs: 500,
        breakerMs: 300,
        maxGets: 64,
        maxSets: 8,
        maxSetBytes: 100_000,
        ...fields,
      },
      { clock: monotonic, log: silentLog },
    );
    await waitFor(() => made.up, 20_000, 'the store to be up');
    return made;
  };
  const only = (model: ModelRef, fields: Partial<CacheModelOptions> = {}): ByModel<CacheModelOptions> =>
    new ByModel([[model, { ...forModel, ...fields }]]);
  const cached = (next: Handler = backend.handler, fields: Partial<CacheOptions> = {}): Handler =>
    cacheFilter(
      {
        models: only({ model: 'm' }),
        defaultFleet: 'default',
        maxRequestBytes: 10_000,
        keyPrefix: 'test:',
        vary: [],
        ...fields,
      },
      {
        store,
        observer,
        view: { defaultVersion: () => version, incarnation: () => incarnation, knows: () => true },
      },
    )(next);
  const call = (message: Uint8Array, fields: Partial<UnaryCall> = {}): UnaryCall =>
    unaryCall(message, { target: { model: 'm', signature: '' }, ...fields });
  /** Asks, and gives the values that came back and from where. */
  async function ask(handler: Handler, question: Call): Promise<{ values: number[]; from: string }> {
    const reply: Reply = await handler(question);
    const { bytes, trailers } = await readAll(reply.body);
    assert.deepEqual(trailers, ['grpc-status', '0'], decodeGrpcMessage(trailers.join(' ')));
    const y = decodePredictResponse(bytes.subarray(5)).outputs.get('y') as { bytes: Uint8Array };
    return { values: [...new Float32Array(Uint8Array.from(y.bytes).buffer)], from: reply.from };
  }
  const stored = (count: number): Promise<unknown> =>
    waitFor(() => observer.count('cache m store') === count, 20_000, `${count} stored answers`);
  const onlyKey = async (): Promise<string> => {
    const keys = await admin.keys('*');
    assert.equal(keys.length, 1);
    return keys[0]!;
  };

  before(async () => void (redis = await startRedis()));
  after(() => redis.stop());
  beforeEach(async () => {
    admin = new Redis(redis.url, { protocol: 2 });
    admin.on('error', () => undefined);
    await admin.flushall();
    store = await storeOf(redis.url);
    observer = recordingObserver();
    backend = halfPlusTwo();
    version = 1n;
    incarnation = 'first';
  });
  afterEach(() => {
    store.close();
    admin.disconnect();
  });

  it('answers a repeated question without a backend, whatever encoding and door it came in', async () => {
    const handler = cached();
    assert.deepEqual(await ask(handler, call(request(5))), { values: [4.5], from: '127.0.0.1:8500' });
    await stored(1);
    assert.deepEqual(await ask(handler, call(request(5))), { values: [4.5], from: 'cache' });
    const typed = call(typedRequest(5), {
      via: 'REST',
      target: { model: 'm', signature: 'serving_default', version: 1n },
    });
    assert.deepEqual(await ask(handler, typed), { values: [4.5], from: 'cache' });
    assert.deepEqual(await ask(handler, call(request(6))), { values: [5], from: '127.0.0.1:8500' });
    assert.equal(backend.calls.length, 2);
    assert.deepEqual(
      observer.events.filter((event) => !event.endsWith('store')),
      ['cache m miss', 'cache m hit', 'cache m hit', 'cache m miss'],
    );
  });

  it('answers while the request is still arriving', async () => {
    const handler = cached();
    await ask(handler, call(request(5)));
    await stored(1);
    const arriving = new Flow(true);
    const answer = ask(handler, call(request(5), { request: arriving }));
    const { bytes } = await readAll(flowOf(request(5)));
    arriving.push(bytes.subarray(0, 9));
    await sleep(5);
    arriving.push(bytes.subarray(9));
    arriving.end();
    assert.equal((await answer).from, 'cache');
  });

  it('forgets after the TTL', async () => {
    const handler = cached(undefined, { models: only({ model: 'm' }, { ttlMs: 40 }) });
    await ask(handler, call(request(5)));
    await stored(1);
    await waitFor(async () => (await admin.dbsize()) === 0);
    assert.equal((await ask(handler, call(request(5)))).from, '127.0.0.1:8500');
  });

  it('never gives an answer of another version, incarnation or tenant', async () => {
    const handler = cached(undefined, { vary: ['x-tenant'] });
    await ask(handler, call(request(5)));
    await stored(1);
    const asks = async (fields: Partial<UnaryCall> = {}): Promise<string> =>
      (await ask(handler, call(request(5), fields))).from;
    assert.equal(await asks({ metadata: ['x-tenant', 'b'] }), '127.0.0.1:8500');
    incarnation = 'second';
    assert.equal(await asks(), '127.0.0.1:8500');
    incarnation = 'first';
    version = 2n;
    assert.equal(await asks(), '127.0.0.1:8500');
    version = 1n;
    assert.equal(await asks(), 'cache');
  });

  it('stores no answer that another version gave, or that came after a reload', async () => {
    backend = halfPlusTwo(() => 2n);
    await ask(cached(), call(request(5)));
    const reloading: Handler = async (c) => {
      incarnation = 'second';
      return halfPlusTwo(() => 1n).handler(c);
    };
    await ask(cached(reloading), call(request(6)));
    await sleep(30);
    assert.equal(await admin.dbsize(), 0);
    // A server that names no version (it is optional) can still be cached.
    backend = halfPlusTwo(() => undefined);
    await ask(cached(), call(request(7)));
    await stored(1);
  });

  it('does not store errors, large answers, or what is no Predict answer', async () => {
    const failing = stubHandler(() => errorReply(new StatusError(Code.INVALID_ARGUMENT, 'no')));
    const reply = await cached(failing.handler)(call(request(5)));
    assert.equal((await readAll(reply.body)).trailers[1], '3');
    await assert.rejects(
      cached(() => Promise.reject(new StatusError(Code.UNAVAILABLE, 'no')))(call(request(5))),
      /no/,
    );
    await ask(cached(undefined, { models: only({ model: 'm' }, { maxEntryBytes: 10 }) }), call(request(5)));
    await readAll((await cached(stubHandler(Buffer.from('not protobuf')).handler)(call(request(5)))).body);
    await sleep(30);
    assert.equal(await admin.dbsize(), 0);
  });

  it('skips what it cannot tell apart: labels, unknown versions, unknown fields, large or compressed requests; and obeys the client', async () => {
    const handler = cached();
    await ask(handler, call(request(5)));
    await stored(1);
    const bytes = request(5);
    const skipped: UnaryCall[] = [
      call(bytes, { target: { model: 'm', label: 'stable', signature: '' } }),
      call(Buffer.concat([bytes, Buffer.from([0x22, 0])])),
      call(request(...new Array<number>(3000).fill(1))),
      call(bytes, { metadata: ['cache-control', 'No-Store'] }),
      call(bytes, { metadata: ['x-tensorgate-cache', 'skip'] }),
    ];
    for (const question of skipped) assert.equal((await ask(handler, question)).from, '127.0.0.1:8500');
    assert.equal(observer.count('cache m skip'), skipped.length);
    version = undefined;
    assert.equal((await ask(handler, call(bytes))).from, '127.0.0.1:8500');
    version = 1n;
    const before = backend.calls.length;
    assert.equal(
      (await ask(handler, call(bytes, { metadata: ['cache-control', 'max-age=0, no-cache'] }))).from,
      '127.0.0.1:8500',
    );
    assert.equal(backend.calls.length, before + 1);
    await stored(2);
    // A broken message goes to the backend, which says what is wrong with it.
    const broken = stubHandler(() => errorReply(new StatusError(Code.INVALID_ARGUMENT, 'broken')));
    await readAll((await cached(broken.handler)(call(Buffer.from([0x12, 3, 0x12, 1, 0xff])))).body);
    assert.equal(broken.calls.length, 1);
  });

  it('never gives a fleet another one’s answer, whichever of them is the default one', async () => {
    const models = new ByModel([
      [{ model: 'm' }, forModel],
      [{ fleet: 'new', model: 'm' }, forModel],
    ]);
    const at = (defaultFleet: string) => cached(undefined, { models, defaultFleet });
    const there = { target: { fleet: 'new', model: 'm', signature: '' } };
    await ask(at('old'), call(request(5)));
    await stored(1);
    assert.equal((await ask(at('old'), call(request(5), there))).from, '127.0.0.1:8500');
    await waitFor(() => observer.count('cache new/m store') === 1, 20_000, 'the other answer');
    assert.equal((await ask(at('old'), call(request(5), there))).from, 'cache');
    // a gateway that calls no fleet by its name has the same answers of the same fleet, and none of others
    assert.equal((await ask(at('new'), call(request(5)))).from, 'cache');
    assert.equal((await ask(at('third'), call(request(5)))).from, '127.0.0.1:8500');
    assert.equal(backend.calls.length, 3);
    assert.deepEqual(
      ['miss', 'hit'].map((event) => observer.count(`cache new/m ${event}`)),
      [1, 1],
    );
  });

  it('caches only the models that are meant, and only Predict', async () => {
    const other = cached(undefined, { models: only({ model: 'n' }) });
    await ask(other, call(request(5)));
    await ask(other, call(request(5)));
    const every = cached(undefined, { models: new ByModel(), others: forModel });
    const classify = { ...call(request(5)).method, name: 'Classify' };
    await ask(every, call(request(5), { method: classify }));
    assert.deepEqual(observer.events, []);
    await ask(every, call(request(5)));
    await stored(1);
  });

  it('takes a foreign, altered, cut, swapped or huge value for no answer, and replaces it', async () => {
    const handler = cached();
    await ask(handler, call(request(5)));
    await stored(1);
    const key = await onlyKey();
    const good = (await admin.getBuffer(key))!;
    await ask(handler, call(request(6)));
    await stored(2);
    const other = (await admin.keys('*')).find((name) => name !== key)!;
    const values = [
      Buffer.from('hello'),
      good.subarray(0, good.length - 1),
      Buffer.from(good).fill(0, good.length - 1),
      (await admin.getBuffer(other))!,
      Buffer.alloc(5_000_000, 1),
    ];
    for (const [i, value] of values.entries()) {
      await admin.set(key, value);
      assert.deepEqual(await ask(handler, call(request(5))), { values: [4.5], from: '127.0.0.1:8500' });
      await stored(3 + i);
      assert.deepEqual(await admin.getBuffer(key), good);
    }
    await admin.del(key);
    await admin.rpush(key, 'a', 'list');
    assert.equal((await ask(handler, call(request(5)))).from, '127.0.0.1:8500');
    await stored(3 + values.length);
    assert.equal((await ask(handler, call(request(5)))).from, 'cache');
    assert.equal(observer.count('cache m error'), values.length + 1);
  });

  it('goes on without a full Redis, and writes again when there is room', async () => {
    const handler = cached();
    await ask(handler, call(request(5)));
    await stored(1);
    await admin.config('SET', 'maxmemory', '1');
    for (let i = 0; i < 50; i++)
      assert.deepEqual((await ask(handler, call(request(100 + i)))).values, [52 + i / 2]);
    await waitFor(() => observer.count('cache m error') > 0);
    assert.ok(observer.count('cache m error') <= 2, 'a Redis that refuses writes is not sent many');
    assert.equal((await ask(handler, call(request(5)))).from, 'cache', 'reading still works');
    await admin.config('SET', 'maxmemory', '0');
    await waitFor(async () => {
      await ask(handler, call(request(5000)));
      return observer.count('cache m store') >= 2;
    }, 4000);
  });

  it('survives FLUSHALL in mid-run', async () => {
    const handler = cached();
    for (let i = 0; i < 200; i++) {
      if (i % 50 === 49) await admin.flushall();
      assert.deepEqual((await ask(handler, call(request(i % 5)))).values, [(i % 5) / 2 + 2]);
    }
    assert.ok(observer.count('cache m hit') > 100);
  });
});
