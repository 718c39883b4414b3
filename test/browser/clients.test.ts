/**
 * The table of browsers' clients: every gRPC-Web library in each of its modes, from another origin, over HTTP/1.1 and
 * HTTP/2.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import {
  decodeGetModelMetadataResponse,
  decodeGetModelStatusResponse,
  decodePredictResponse,
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodePredictRequest,
} from '../../src/codec/index.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startBrowser, type TestBrowser } from './chromium.ts';
import { ask, openPage } from './clients/calls.ts';
import { selfSigned } from './clients/certificate.ts';
import type { Ask, Outcome } from './clients/page.ts';
import { type Site, startSite } from './clients/site.ts';
import { pauseMs, startStreamServer, streamed, type StreamServer } from './clients/stream-server.ts';
import { startTap } from './clients/tap.ts';

interface Client {
  readonly name: string;
  readonly mode: string;
  /** Hands each message of a stream to the page when it comes, not all of them at the end. */
  readonly streams: boolean;
  /** Gives the details of a status to the page. */
  readonly details: boolean;
}

const client = (name: string, mode: string, more: Partial<Client> = {}): Client => ({
  name,
  mode,
  streams: true,
  details: true,
  ...more,
});

/** XMLHttpRequest gives binary bodies whole, so these two cannot stream. */
const clients: readonly Client[] = [
  client('grpc-web', 'text'),
  client('grpc-web', 'binary', { streams: false }),
  client('connect', 'binary'),
  client('protobuf-ts', 'text'),
  client('protobuf-ts', 'binary'),
  client('improbable', 'fetch'),
  client('improbable', 'xhr'),
  client('own', 'binary'),
];
const names = [...new Set(clients.map(({ name }) => name))];

const code = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalid: 3,
  deadline: 4,
  notFound: 5,
  internal: 13,
  unavailable: 14,
};
/** 20 MB of float32. */
const bigFloats = 5 * 2 ** 20;

const base64 = (...chunks: readonly Uint8Array[]): string => Buffer.concat(chunks).toString('base64');
const predictRequest = base64(
  ...encodePredictRequest({
    spec: { name: 'half_plus_two', signature: '' },
    inputs: new Map([
      ['x', { dtype: 'float', shape: [3], bytes: new Uint8Array(Float32Array.of(1, 2, 5).buffer) }],
    ]),
    outputFilter: [],
  }),
);
const specOnly = { name: 'half_plus_two', signature: '' };
const statusRequest = base64(encodeGetModelStatusRequest(specOnly));
const metadataRequest = base64(encodeGetModelMetadataRequest(specOnly));
const predictPath = '/tensorflow.serving.PredictionService/Predict';

function firstOf({ messages }: Outcome): Buffer {
  assert.equal(messages.length, 1);
  return Buffer.from(messages[0] ?? '', 'base64');
}
/** Of the stream server's messages, which are a google.protobuf.StringValue each. */
const textOf = ({ messages }: Outcome): string[] =>
  messages.map((each) => Buffer.from(each, 'base64').subarray(2).toString());

describe('clients in a browser', { skip: missing('chromium') }, () => {
  let demo: DemoServer;
  let streams: StreamServer;
  let site: Site;
  let browser: TestBrowser;
  before(async () => {
    [demo, streams, site, browser] = await Promise.all([
      startDemoServer(),
      startStreamServer(),
      startSite(names),
      startBrowser(),
    ]);
  });
  after(async () => {
    await browser.close();
    await site.close();
    await streams.close();
    await demo.stop();
  });
  /** The models at the demo server; what the gateway does not know at the server of streams. */
  const gatewayOf = (config: object = {}, flags: object = {}): Promise<TestGateway> =>
    startTestGateway(
      [],
      {
        fleets: {
          default: { backends: [`grpc://127.0.0.1:${streams.port}`] },
          models: { backends: [`tfs://127.0.0.1:${demo.port}`] },
        },
        models: { half_plus_two: { fleet: 'models' }, echo: { fleet: 'models' } },
        grpc: { passthrough: true },
        ...config,
      },
      { backends: undefined, ...flags },
    );
  const pageOf = (name: string, host?: string): Promise<Page> => openPage(browser, site, name, host);

  for (const protocol of ['http/1.1', 'h2'] as const) {
    describe(protocol === 'h2' ? 'over HTTP/2 with TLS' : 'over HTTP/1.1', () => {
      let gateway: TestGateway;
      let url: string;
      const pages = new Map<string, Page>();
      before(async () => {
        gateway = await gatewayOf({}, protocol === 'h2' ? await selfSigned() : {});
        url = `${protocol === 'h2' ? 'https' : 'http'}://${gateway.rest}`;
        for (const name of names) pages.set(name, await pageOf(name));
      });
      after(async () => {
        for (const page of pages.values()) await page.context().close();
        await gateway.stop();
      });

      it(`speaks ${protocol} with the browser`, async () => {
        const page = pages.get('own') as Page;
        const session = await page.context().newCDPSession(page);
        await session.send('Network.enable');
        const spoken = new Promise<string | undefined>((resolve) => {
          session.on('Network.responseReceived', ({ response }) => resolve(response.protocol));
        });
        await ask(page, 'binary', { url, path: predictPath, request: predictRequest });
        assert.equal(await spoken, protocol);
        await session.detach();
      });

      for (const { name, mode, streams: canStream, details } of clients) {
        describe(`${name}, ${mode}`, () => {
          const call = (question: Omit<Ask, 'url'>): Promise<Outcome> =>
            ask(pages.get(name) as Page, mode, { url, ...question });

          it('predicts', async () => {
            const outcome = await call({ path: predictPath, request: predictRequest });
            assert.equal(outcome.code, code.ok, outcome.message);
            const y = decodePredictResponse(firstOf(outcome)).outputs.get('y');
            assert.ok(y !== undefined && 'bytes' in y);
            assert.deepEqual([...new Float32Array(Uint8Array.from(y.bytes).buffer)], [2.5, 3, 4.5]);
          });

          it('reads status and metadata', async () => {
            const status = await call({
              path: '/tensorflow.serving.ModelService/GetModelStatus',
              request: statusRequest,
            });
            assert.deepEqual(
              decodeGetModelStatusResponse(firstOf(status)).map(({ version, state }) => [version, state]),
              [[123n, 30]],
            );
            const metadata = await call({
              path: '/tensorflow.serving.PredictionService/GetModelMetadata',
              request: metadataRequest,
            });
            assert.ok(decodeGetModelMetadataResponse(firstOf(metadata)).signatures.has('serving_default'));
          });

          it('gets an error with its text and its details', async () => {
            const outcome = await call({ path: '/test.Unary/Fail' });
            assert.deepEqual([outcome.code, outcome.messages], [code.invalid, []]);
            assert.match(outcome.message, /bad( |%20)(\u20ac|%E2%82%AC)/);
            if (details) assert.equal(outcome.details, 'google.rpc.BadRequest');
          });

          it('is told when a model does not exist', async () => {
            const request = base64(encodeGetModelStatusRequest({ name: 'nope', signature: '' }));
            const outcome = await call({ path: '/tensorflow.serving.ModelService/GetModelStatus', request });
            assert.equal(outcome.code, code.notFound, outcome.message);
          });

          it('is told when its deadline has passed', async () => {
            demo.faults.set({ hang: true });
            try {
              const outcome = await call({ path: predictPath, request: predictRequest, timeoutMs: 250 });
              assert.equal(outcome.code, code.deadline, outcome.message);
            } finally {
              demo.faults.set({ hang: false });
            }
          });

          it('reads a stream, each message when it comes', async () => {
            const outcome = await call({ path: '/test.Stream/Count', streaming: true });
            assert.equal(outcome.code, code.ok, outcome.message);
            assert.deepEqual(textOf(outcome), streamed);
            const last = outcome.times.at(-1) ?? 0;
            if (canStream) assert.ok(last > pauseMs * 2, `the last message came ${last} ms after the first`);
            else assert.ok(last < pauseMs, `${last} ms`);
          });

          it('ends a stream, and the server is told', async () => {
            const before = streams.cancelled();
            const outcome = await call({
              path: '/test.Stream/Forever',
              streaming: true,
              ...(canStream ? { cancelAfterMessages: 1 } : { cancelAfterMs: 150 }),
            });
            assert.equal(outcome.code, code.cancelled, outcome.message);
            await waitFor(() => streams.cancelled() > before, 3000, 'the server to hear of it');
          });

          it('ends a call that waits, and the server is told', async () => {
            demo.faults.set({ hang: true });
            try {
              const outcome = await call({ path: predictPath, request: predictRequest, cancelAfterMs: 100 });
              assert.equal(outcome.code, code.cancelled, outcome.message);
              await waitFor(() => demo.record.inFlight === 0, 3000, 'the server to hear of it');
            } finally {
              demo.faults.set({ hang: false });
            }
          });

          it('is told when the server dies in mid-stream', async () => {
            const outcome = await call({ path: '/test.Stream/Die', streaming: true });
            assert.deepEqual(textOf(outcome), ['one']);
            assert.equal(outcome.code, code.unavailable, outcome.message);
          });

          it('carries 20 MB there and back', async () => {
            const outcome = await call({ path: predictPath, floats: bigFloats });
            assert.equal(outcome.code, code.ok, outcome.message);
            assert.equal(outcome.same, true);
          });
        });
      }
    });
  }

  describe('of an origin', () => {
    for (const { name, mode } of clients) {
      it(`that is allowed to, ${name} (${mode}) sends its cookies; of another, it gets a clear failure`, async () => {
        const origin = `http://127.0.0.1:${site.port}`;
        const gateway = await gatewayOf({ cors: { origins: [origin], allowCredentials: true } });
        const url = `http://${gateway.rest}`;
        try {
          const page = await pageOf(name);
          await page.evaluate(() => (document.cookie = 'who=me'));
          const path = '/test.Unary/Cookie';
          assert.deepEqual(textOf(await ask(page, mode, { url, path, credentials: true })), ['who=me']);
          assert.deepEqual(textOf(await ask(page, mode, { url, path })), ['']);
          await page.context().close();
          const stranger = await pageOf(name, 'localhost');
          const outcome = await ask(stranger, mode, { url, path: predictPath, request: predictRequest });
          assert.ok(outcome.code !== code.ok && outcome.messages.length === 0, JSON.stringify(outcome));
          await stranger.context().close();
        } finally {
          await gateway.stop();
        }
      });
    }

    for (const [maxAgeSeconds, expected] of [
      [7200, 1],
      [0, 3],
    ] as const) {
      it(`asks ${expected} times in three calls when preflights last ${maxAgeSeconds} s`, async () => {
        const gateway = await gatewayOf({ cors: { maxAgeSeconds } });
        try {
          const wire = await startTap(gateway.rest);
          const page = await pageOf('grpc-web');
          for (let i = 0; i < 3; i++) {
            const question = { url: wire.url, path: predictPath, request: predictRequest };
            assert.equal((await ask(page, 'text', question)).code, code.ok);
          }
          assert.equal(wire.count('OPTIONS '), expected);
          assert.equal(wire.count('POST '), 3);
          await page.context().close();
          await wire.close();
        } finally {
          await gateway.stop();
        }
      });
    }

    it('lets a page read what is wrong, whatever is wrong', async () => {
      const gateway = await gatewayOf({ grpc: { passthrough: false, maxMessageBytes: 100_000 } });
      try {
        const page = await pageOf('own');
        const url = `http://${gateway.rest}`;
        const outcomes = await Promise.all([
          ask(page, '', { url, path: '/no.Such/Method' }),
          ask(page, '', { url, path: predictPath, floats: 100_000 }),
          ask(page, '', { url, path: predictPath, request: base64(Buffer.from('nonsense')) }),
          ask(page, '', { url, path: '/not-even-a-method' }),
        ]);
        assert.deepEqual(
          outcomes.map((outcome) => [outcome.code, outcome.message.length > 10]),
          [
            [12, true],
            [8, true],
            [3, true],
            [12, true],
          ],
          JSON.stringify(outcomes),
        );
        await page.context().close();
      } finally {
        await gateway.stop();
      }
    });
  });
});
