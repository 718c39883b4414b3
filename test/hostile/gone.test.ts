/**
 * Clients that go: whatever their connection was doing, it, its calls, their places and bytes are free at once,
 * paused sockets included.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { connect as tlsConnect } from 'node:tls';
import {
  dataFrames,
  frame,
  framed,
  type GenerativeServer,
  grpcHeaders,
  h2,
  headers,
  makeCertificates,
  predictFields,
  predictMessage,
  predictPath,
  preface,
  type RawBackend,
  type RawCall,
  settings,
  startGenerativeServer,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';

/** Far above what it takes (three looks of 200 ms), and far below every time limit: the least is ten seconds. */
const soonMs = 3000;
const windowBytes = 131_072;

const head = (url: string, bytes: number, ...more: string[]): string =>
  [`POST ${url} HTTP/1.1`, 'Host: x', `Content-Length: ${bytes}`, ...more, '', ''].join('\r\n');
const web = ['Content-Type: application/grpc-web'];
const request = framed(predictMessage());
/** A gRPC-Web call, whole. */
const webCall = Buffer.concat([Buffer.from(head(predictPath, request.length, ...web)), request]);
const watch = Buffer.concat([Buffer.from(head('/grpc.health.v1.Health/Watch', 5, ...web)), Buffer.alloc(5)]);
/** As much as a window takes, and a little that stays in the kernel. */
const large = framed(predictMessage('half_plus_two', 100_000)).subarray(0, windowBytes + 65_536 + 20_000);

describe('a client that goes', () => {
  let backend: RawBackend;
  let generative: GenerativeServer;
  let gateway: TestGateway;
  let secure: TestGateway;
  /** What the model server does with a call. */
  let answer: (call: RawCall) => void = () => undefined;
  const open = new Set<Socket>();

  before(async () => {
    backend = await startRawBackend({ onCall: (call) => answer(call), early: true, stingy: true });
    generative = await startGenerativeServer();
    const config = {
      fleets: {
        default: { backends: [backend.url], concurrency: { maxInFlight: 2 } },
        writers: { backends: [generative.url] },
      },
      models: { half_plus_two: {} },
      proxy: { routes: [{ prefix: '/v3', fleet: 'writers' }] },
      queue: { maxWaitMs: 60_000 },
      deadlines: { defaultMs: 120_000 },
      hedge: { enabled: false },
      http2: { initialWindowBytes: windowBytes },
      // what follows a reset of ours, if there were one
      retry: { maxAttempts: 1 },
    };
    const file = await makeCertificates('gateway');
    gateway = await startTestGateway([], config);
    secure = await startTestGateway([], {
      ...config,
      doors: { tls: { cert: file('gateway.pem'), key: file('gateway.key'), admin: false } },
    });
  });
  after(async () => {
    await gateway.stop();
    await secure.stop();
    backend.close();
    await generative.close();
  });
  afterEach(() => {
    for (const socket of open) socket.destroy();
    open.clear();
    answer = () => undefined;
    generative.answer = undefined;
    generative.seen.length = 0;
  });

  async function client(tls: boolean, alpn = 'http/1.1'): Promise<Socket> {
    const { rest } = tls ? secure : gateway;
    const to = { host: '127.0.0.1', port: Number(rest.split(':')[1]) };
    const socket = tls
      ? tlsConnect({ ...to, rejectUnauthorized: false, ALPNProtocols: [alpn] })
      : connect(to);
    open.add(socket);
    socket.on('error', () => undefined);
    await once(socket, tls ? 'secureConnect' : 'connect');
    return socket;
  }

  /** The gateways' ends of connections to their REST doors. */
  function ends(): (Socket & { _parent?: Socket })[] {
    const ports = [gateway, secure].map(({ rest }) => Number(rest.split(':')[1]));
    const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles();
    return (handles as Socket[]).filter(({ localPort }) => ports.includes(localPort ?? 0));
  }

  async function held(): Promise<Record<string, number>> {
    const found: Record<string, number> = { connections: ends().length };
    for (const { admin } of [gateway, secure]) {
      const text = await (await fetch(`http://${admin}/metrics`)).text();
      for (const [, name, value] of text.matchAll(
        /^tensorgate_(current_requests|proxy_current_requests|backend_in_flight|queued_requests|memory_held_bytes)(?:\{[^}]*\})? (-?\d+)$/gm,
      ))
        found[name as string] = (found[name as string] ?? 0) + Number(value);
    }
    return found;
  }

  async function nothing(): Promise<void> {
    let now: Record<string, number> = {};
    await waitFor(
      async () => Object.values((now = await held())).every((value) => value === 0),
      soonMs,
      'nothing',
    ).catch((cause: unknown) => {
      throw new Error(`still held: ${JSON.stringify(now)}`, { cause });
    });
  }

  /** Of the plain door: those of TLS stand behind another socket. */
  const isPaused = (): boolean => ends().some((socket) => socket.isPaused());
  /** Nothing has been read for a while of what was sent. */
  async function stalled(): Promise<void> {
    let since = performance.now();
    let before = 0;
    await until('a socket that is not read', () => {
      const bytes = ends().reduce((sum, { bytesRead }) => sum + bytesRead, 0);
      if (bytes !== before) since = performance.now();
      before = bytes;
      return performance.now() - since > 300;
    });
  }
  const until = (what: string, isSo: () => boolean): Promise<unknown> => waitFor(isSo, 5000, what);

  interface State {
    readonly name: string;
    /** Brings the connection there; resolves when it is. */
    readonly reach: (socket: Socket) => Promise<unknown>;
    /** It is seen by that too: somebody waits for it. */
    readonly paused?: boolean;
  }

  const called = async (before: number, calls = 1): Promise<void> => {
    await until('the call', () => backend.calls.length >= before + calls);
  };
  const asked = async (): Promise<void> => {
    await until('the request', () => generative.seen.length > 0);
  };
  /** Large answers that nobody reads. */
  const unread = async (socket: Socket): Promise<void> => {
    socket.pause();
    await waitFor(
      async () => ((await held()).memory_held_bytes ?? 0) > 100_000,
      5000,
      'an answer that waits',
    );
  };
  /**
   * Sends as long as it is read; the last of it must fit into the gateway's kernel, or the client's end would wait in
   * its own.
   */
  async function fill(socket: Socket): Promise<void> {
    const piece = Buffer.alloc(32_768);
    for (let quiet = 0, before = 0; quiet < 10;) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      const bytes = ends().reduce((sum, { bytesRead }) => sum + bytesRead, 0);
      quiet = bytes === before ? quiet + 1 : 0;
      if (bytes !== before) socket.write(piece);
      before = bytes;
    }
  }
  const megabyte = Buffer.alloc(2 ** 20);

  const states: readonly State[] = [
    {
      name: 'is idle after an answer',
      reach: async (socket) => {
        socket.write(head('/grpc.health.v1.Health/Check', 5, ...web) + '\0\0\0\0\0');
        await once(socket, 'data');
      },
    },
    {
      name: 'has sent half of a head',
      reach: async (socket) => {
        socket.write('POST /v1/models/half_plus_two:predict HT');
        await until('the connection', () => ends().length > 0);
      },
    },
    {
      name: 'has sent half of a JSON body',
      reach: async (socket) => {
        socket.write(head('/v2/models/half_plus_two/infer', 1000) + '{"inputs":[');
        await waitFor(async () => (await held()).memory_held_bytes !== undefined, 5000, 'metrics');
      },
    },
    {
      name: 'has sent half of a gRPC-Web body',
      reach: async (socket) => {
        socket.write(webCall.subarray(0, -3));
        await waitFor(async () => ((await held()).current_requests ?? 0) > 0, 5000, 'a call');
      },
    },
    {
      name: 'waits for its backend',
      reach: async (socket) => {
        const before_ = backend.calls.length;
        socket.write(webCall);
        await called(before_);
      },
    },
    {
      name: 'waits in line',
      reach: async (socket) => {
        const before_ = backend.calls.length;
        const others = [await client(false), await client(false), await client(true), await client(true)];
        for (const each of others) each.write(webCall);
        await called(before_, 4);
        socket.write(webCall);
        await waitFor(async () => (await held()).queued_requests === 1, 5000, 'a call that waits');
        socket.once('close', () => {
          for (const each of others) each.destroy();
        });
      },
    },
    {
      name: 'is paused in the middle of its body',
      paused: true,
      reach: async (socket) => {
        const before_ = backend.calls.length;
        socket.write(head(predictPath, 405_000, ...web));
        socket.write(large);
        await called(before_);
        await stalled();
      },
    },
    {
      name: 'is paused in the middle of a body that node:http reads',
      paused: true,
      reach: async (socket) => {
        const before_ = backend.calls.length;
        const message = framed(predictMessage('half_plus_two', 500_000));
        socket.write(head(predictPath, message.length, ...web, 'Connection: keep-alive, x'));
        socket.write(message.subarray(0, 100_000));
        await called(before_);
        await fill(socket);
      },
    },
    {
      name: 'has sent a byte behind a call without end',
      reach: async (socket) => {
        socket.write(watch);
        await once(socket, 'data');
        socket.write('G');
      },
    },
    {
      name: 'has sent much behind a call without end',
      paused: true,
      reach: async (socket) => {
        socket.write(watch);
        await once(socket, 'data');
        socket.write(Buffer.alloc(100_000, 'G'));
        await stalled();
      },
    },
    {
      name: 'does not read its answer',
      reach: async (socket) => {
        answer = (call) => {
          call.send(grpcHeaders(call.id), dataFrames(call.id, Buffer.alloc(12_000_000)));
        };
        socket.write(webCall);
        await unread(socket);
      },
    },
    {
      name: 'has sent half of a body below /v3',
      reach: async (socket) => {
        socket.write(head('/v3/chat/completions', 100) + '{');
        await waitFor(async () => ((await held()).proxy_current_requests ?? 0) > 0, 5000, 'a request');
      },
    },
    {
      name: 'waits for an answer below /v3',
      reach: async (socket) => {
        generative.answer = () => undefined;
        socket.write(head('/v3/chat/completions', 2) + '{}');
        await asked();
      },
    },
    {
      name: 'is paused in the middle of a body below /v3',
      paused: true,
      reach: async (socket) => {
        generative.answer = () => undefined;
        socket.write(head('/v3/chat/completions', 100_000_000));
        await fill(socket);
      },
    },
    {
      name: 'has pipelined behind a request below /v3',
      reach: async (socket) => {
        generative.answer = () => undefined;
        const text = head('/v3/chat/completions', 2) + '{}';
        socket.write(text);
        await asked();
        socket.write(text + head('/v3/chat/completions', 200_000));
        socket.write(Buffer.alloc(100_000));
      },
    },
    {
      name: 'does not read its answer below /v3',
      reach: async (socket) => {
        generative.answer = (_request, response) => {
          response.writeHead(200, { 'content-type': 'text/plain' });
          for (let i = 0; i < 20; i++) response.write(megabyte);
        };
        socket.write(head('/v3/chat/completions', 2) + '{}');
        await once(socket, 'data');
        socket.pause();
        await asked();
      },
    },
  ];

  for (const tls of [false, true]) {
    for (const { name, reach, paused } of states) {
      it(`${name}${tls ? ', over TLS' : ''}`, { timeout: 30_000 }, async () => {
        await nothing();
        const socket = await client(tls);
        await reach(socket);
        if (paused === true && !tls) assert.ok(isPaused(), 'nothing is paused');
        socket.destroy();
        await nothing();
      });
    }
  }

  const h2Call = (id: number, ...data: Buffer[]): Buffer =>
    Buffer.concat([headers(id, predictFields()), ...data]);
  const v3 = (id: number, flags: number): Buffer =>
    headers(
      id,
      [':method', 'POST', ':scheme', 'http', ':path', '/v3/chat/completions', ':authority', 'x'],
      flags,
    );
  const overHttp2: readonly State[] = [
    {
      name: 'has sent half of a body',
      reach: async (socket) => {
        socket.write(h2Call(1, frame(h2.DATA, 0, 1, request.subarray(0, -3))));
        await waitFor(async () => ((await held()).current_requests ?? 0) > 0, 5000, 'a call');
      },
    },
    {
      name: 'has used its window up',
      reach: async (socket) => {
        const before_ = backend.calls.length;
        const data: Buffer[] = [];
        for (let at = 0; at < 131_072; at += 16_384)
          data.push(frame(h2.DATA, 0, 1, large.subarray(at, at + 16_384)));
        socket.write(h2Call(1, ...data));
        await called(before_);
      },
    },
    {
      name: 'waits for its backend',
      reach: async (socket) => {
        const before_ = backend.calls.length;
        socket.write(h2Call(1, frame(h2.DATA, h2.END_STREAM, 1, request)));
        await called(before_);
      },
    },
    {
      name: 'does not read its answer',
      reach: async (socket) => {
        answer = (call) => {
          call.send(grpcHeaders(call.id), dataFrames(call.id, Buffer.alloc(12_000_000)));
        };
        socket.write(h2Call(1, frame(h2.DATA, h2.END_STREAM, 1, request)));
        await unread(socket);
      },
    },
    {
      name: 'has sent half of a body below /v3',
      reach: async (socket) => {
        socket.write(Buffer.concat([v3(1, h2.END_HEADERS), frame(h2.DATA, 0, 1, Buffer.from('{'))]));
        await waitFor(async () => ((await held()).proxy_current_requests ?? 0) > 0, 5000, 'a request');
      },
    },
    {
      name: 'waits for an answer below /v3',
      reach: async (socket) => {
        generative.answer = () => undefined;
        socket.write(v3(1, h2.END_HEADERS | h2.END_STREAM));
        await asked();
      },
    },
  ];
  for (const tls of [false, true]) {
    for (const { name, reach } of overHttp2) {
      it(`${name} over HTTP/2${tls ? ' and TLS' : ''}`, { timeout: 30_000 }, async () => {
        await nothing();
        const socket = await client(tls, 'h2');
        socket.write(Buffer.concat([preface, settings(), frame(h2.SETTINGS, h2.ACK, 0)]));
        await reach(socket);
        socket.destroy();
        await nothing();
      });
    }
  }
});
