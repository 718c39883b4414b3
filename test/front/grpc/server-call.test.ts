/** The states of a gRPC call at the server: the tables of docs/states.md, on a stream that only notes what it is told. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Code, StatusError } from '../../../src/base/status.ts';
import { Flow, messagePrefix, noMetadata, type Reply, silentObserver } from '../../../src/call/index.ts';
import { encodeV2Spec } from '../../../src/codec/index.ts';
import type { GrpcCallState } from '../../../src/front/grpc/call-state.ts';
import { rpcHead } from '../../../src/front/grpc/head.ts';
import { GrpcServerCall } from '../../../src/front/grpc/server-call.ts';
import { MemoryAccount } from '../../../src/memory/index.ts';
import type { ServerStream } from '../../../src/wire/index.ts';
import { waitFor } from '../../support/index.ts';

const frame = (message: Buffer, flag = 0): Buffer => {
  const prefix = Buffer.from(messagePrefix(message.length));
  prefix[0] = flag;
  return Buffer.concat([prefix, message]);
};
const asked = encodeV2Spec({ name: 'm', signature: '' });
const message = frame(Buffer.from(asked));
/** Long enough to be inflated apart from the event loop. */
const packed = frame(
  gzipSync(Buffer.concat([asked, Buffer.from([0x1a, 0x80, 0x80, 0x10]), Buffer.alloc(2 ** 18)])),
  1,
);

function harness() {
  const events: string[] = [];
  let answer: { resolve: (reply: Reply) => void; reject: (reason: unknown) => void } | undefined;
  let cancelled: StatusError | undefined;
  let nowMs = 0;
  const stream = {
    id: 1,
    queuedBytes: 0,
    varying: [],
    write: () => true,
    end: () => void events.push('end'),
    reset: (code: number) => void events.push(`reset ${code}`),
    credit: () => undefined,
    respond: (_: unknown, end = false) => void events.push(end ? 'trailers-only' : 'head'),
    cut() {
      events.push('cut');
      stream.queuedBytes = 0;
    },
  };
  const fields = [
    ...[':method', 'POST', ':path', '/inference.GRPCInferenceService/ModelInfer'],
    ...['content-type', 'application/grpc', 'grpc-encoding', 'gzip', 'grpc-timeout', '1S'],
  ];
  const head = rpcHead(fields);
  assert.ok(head !== undefined);
  const call = new GrpcServerCall(
    stream satisfies ServerStream,
    head,
    {
      handler: (given) => {
        given.cancellation.listen({ onCancelled: (reason) => (cancelled = reason) });
        return new Promise((resolve, reject) => (answer = { resolve, reject }));
      },
      options: {
        maxMessageBytes: 2 ** 24,
        maxInflateRatio: 10_000,
        timeouts: { defaultMs: 30_000, maxMs: 60_000, byModel: undefined },
        maxRetainedBytes: 2 ** 20,
        pace: { bodyTimeoutMs: 10_000, minBodyBytesPerSecond: 1 },
      },
      resolve: () => ({ model: 'm', signature: '' }),
      clock: () => nowMs,
      observer: silentObserver,
      memory: new MemoryAccount(2 ** 30),
      nextId: () => 'id',
    },
    'gRPC',
    '127.0.0.1:1',
  );
  call.begin();
  const body = new Flow();
  return {
    call,
    stream,
    events,
    body,
    get cancelled() {
      return cancelled;
    },
    advance: (ms: number) => void (nowMs += ms),
    /** The handler's answer; it is seen a moment later. */
    async reply() {
      await waitFor(() => answer !== undefined);
      answer?.resolve({ metadata: noMetadata, body, from: 'b' });
      await waitFor(() => call.state !== 'dispatched');
    },
    async reject() {
      await waitFor(() => answer !== undefined);
      answer?.reject(new StatusError(Code.UNAVAILABLE, 'no backend'));
      await waitFor(() => call.state !== 'dispatched');
    },
  };
}

type Harness = ReturnType<typeof harness>;

const reach: Readonly<Record<GrpcCallState, (at: Harness) => void | Promise<void>>> = {
  'awaiting target': () => undefined,
  inflating: ({ call }) => {
    call.onData(packed);
  },
  dispatched: ({ call }) => {
    call.onData(message);
  },
  async replying(at) {
    at.call.onData(message);
    await at.reply();
  },
  async draining(at) {
    await reach.replying(at);
    at.stream.queuedBytes = 10;
    at.body.end(['grpc-status', '0']);
  },
  async closed(at) {
    await reach.replying(at);
    at.body.end(['grpc-status', '0']);
  },
};

const onEvent = {
  'the rest of the message': ({ call }: Harness) => {
    call.onData(message);
  },
  'a flag that is none': ({ call }: Harness) => {
    call.onData(Buffer.from([7]));
  },
  'no memory': ({ call }: Harness) => {
    call.evict(new StatusError(Code.RESOURCE_EXHAUSTED, 'no memory'));
  },
  RST_STREAM: ({ call }: Harness) => {
    call.onReset();
  },
  'a tick past the deadline': ({ call, advance }: Harness) => {
    advance(2000);
    call.onTick();
  },
  'the socket drained': ({ call, stream }: Harness) => {
    stream.queuedBytes = 0;
    call.onDrain();
  },
};

/**
 * In the order of onEvent. The tests' second message is one too many in all states but the first: a unary call takes
 * one. A tick past the deadline is the deadline filter's once the handler has the call.
 */
const rows = {
  'awaiting target': ['dispatched', 'closed', 'closed', 'closed', 'awaiting target', 'awaiting target'],
  inflating: ['closed', 'closed', 'closed', 'closed', 'inflating', 'inflating'],
  dispatched: ['closed', 'closed', 'closed', 'closed', 'dispatched', 'dispatched'],
  replying: ['closed', 'closed', 'closed', 'closed', 'replying', 'replying'],
  draining: ['draining', 'draining', 'draining', 'draining', 'closed', 'closed'],
  closed: ['closed', 'closed', 'closed', 'closed', 'closed', 'closed'],
} as const satisfies Record<GrpcCallState, readonly GrpcCallState[]>;

describe('the states of a gRPC call at the server', () => {
  for (const [state, row] of Object.entries(rows) as [GrpcCallState, readonly GrpcCallState[]][])
    it(`${state}: goes on as the table says`, async () => {
      const next: GrpcCallState[] = [];
      for (const event of Object.values(onEvent)) {
        const at = harness();
        await reach[state](at);
        assert.equal(at.call.state, state);
        event(at);
        next.push(at.call.state);
        at.call.onReset();
      }
      assert.deepEqual(next, row);
    });

  it('is dispatched when a compressed message has been inflated as far as its target', async () => {
    const at = harness();
    at.call.onData(packed);
    await waitFor(() => at.call.state === 'dispatched');
    at.call.onReset();
  });

  it('is closed by what the handler rejects with', async () => {
    const at = harness();
    at.call.onData(message);
    await at.reject();
    assert.deepEqual([at.call.state, at.events], ['closed', ['trailers-only', 'reset 0']]);
  });

  it('calls off whoever works for it when the client resets while the answer goes out', async () => {
    const at = harness();
    await reach.replying(at);
    at.call.onReset();
    assert.equal(at.cancelled?.code, Code.CANCELLED);
    assert.equal(at.body.endState, 'failed');
  });
});
