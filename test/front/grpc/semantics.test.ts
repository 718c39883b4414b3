/**
 * What gRPC promises of a call, kept from one end to the other: a wire client, the whole gateway, a scripted backend.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { getMetadata } from '../../../src/call/index.ts';
import { startTestGateway, type TestGateway, waitFor } from '../../support/index.ts';
import {
  connectWire,
  framed,
  grpcFields,
  startWireServer,
  type WireAnswer,
  type WireServer,
} from '../../support/wire.ts';

const path = '/any.Service/Method';
const ok = ['grpc-status', '0'];
const reply = framed(Buffer.from('reply'));

let backend: WireServer;
let gateway: TestGateway;
let client: Awaited<ReturnType<typeof connectWire>>;

/** What the backend does with the next calls, by path. */
const script = new Map<string, Parameters<typeof startWireServer>[0]>();

before(async () => {
  backend = await startWireServer((stream, fields) => {
    const answer = script.get(getMetadata(fields, ':path') ?? '');
    if (answer !== undefined) return answer(stream, fields);
    return {
      onEnd() {
        stream.respond([':status', '200', 'content-type', 'application/grpc']);
        stream.write(reply);
        stream.end(ok);
      },
    };
  });
  gateway = await startTestGateway([backend.url], { grpc: { passthrough: true } });
  client = await connectWire(Number(gateway.grpc.split(':')[1]));
});
after(async () => {
  client.destroy();
  await gateway.stop();
  backend.close();
});

const lastRequest = (): readonly string[] => backend.requests.at(-1) ?? [];

describe('deadlines', () => {
  it('passes no grpc-timeout to a service that it does not know when the client sent none', async () => {
    const { trailers } = await client.call(grpcFields(path), framed(Buffer.from('x'))).done;
    assert.deepEqual(trailers, ok);
    assert.equal(getMetadata(lastRequest(), ':path'), path);
    assert.equal(getMetadata(lastRequest(), 'grpc-timeout'), undefined);
  });

  it('passes its own default on to a model server, which need not work on for a client that is answered', async () => {
    const predict = '/tensorflow.serving.PredictionService/Predict';
    script.set('/tensorflow.serving.ModelService/GetModelStatus', (stream) => ({
      onEnd() {
        stream.respond([':status', '200', 'content-type', 'application/grpc', 'grpc-status', '5'], true);
      },
    }));
    // model_spec { name: "m" }
    await client.call(grpcFields(predict), framed(Buffer.from([0x0a, 3, 0x0a, 1, 0x6d]))).done;
    const requests = backend.requests.filter((fields) => getMetadata(fields, ':path') === predict);
    assert.match(getMetadata(requests.at(-1) ?? [], 'grpc-timeout') ?? '', /^29\d{3}m$/);
  });

  it('passes on what remains of the client’s own', async () => {
    await client.call(grpcFields(path, ['grpc-timeout', '5S']), framed(Buffer.from('x'))).done;
    const left = /^(\d+)m$/.exec(getMetadata(lastRequest(), 'grpc-timeout') ?? '');
    assert.ok(left !== null && Number(left[1]) <= 5000 && Number(left[1]) > 4000, String(left));
  });

  it('answers DEADLINE_EXCEEDED itself, and cancels at the backend, when the backend stays silent', async () => {
    let cancelled: ((code: number) => void) | undefined;
    const reset = new Promise<number>((resolve) => (cancelled = resolve));
    script.set('/any.Service/Silent', () => ({ onReset: (code) => cancelled?.(code) }));
    const started = performance.now();
    const { headers } = await client.call(
      grpcFields('/any.Service/Silent', ['grpc-timeout', '100m']),
      framed(Buffer.from('x')),
    ).done;
    assert.equal(getMetadata(headers, 'grpc-status'), '4');
    assert.ok(performance.now() - started >= 99);
    assert.equal(await reset, 8);
  });

  for (const [name, act] of [
    ['resets with CANCEL', (stream) => stream.reset(8)],
    ['answers CANCELLED', (stream) => stream.respond([':status', '200', 'grpc-status', '1'], true)],
  ] as const satisfies [string, (stream: Parameters<Parameters<typeof startWireServer>[0]>[0]) => void][]) {
    it(`says DEADLINE_EXCEEDED when the backend ${name} at the deadline, a moment before the gateway would`, async () => {
      script.set('/any.Service/Early', (stream) => {
        setTimeout(() => act(stream), 97);
        return {};
      });
      const { headers } = await client.call(
        grpcFields('/any.Service/Early', ['grpc-timeout', '100m']),
        framed(Buffer.from('x')),
      ).done;
      assert.equal(getMetadata(headers, 'grpc-status'), '4');
    });
  }

  it('passes a backend’s CANCELLED on when the deadline is far', async () => {
    script.set('/any.Service/Cancels', (stream) => {
      stream.reset(8);
      return {};
    });
    const { headers } = await client.call(
      grpcFields('/any.Service/Cancels', ['grpc-timeout', '100S']),
      framed(Buffer.from('x')),
    ).done;
    assert.equal(getMetadata(headers, 'grpc-status'), '1');
  });
});

describe('content types', () => {
  it('answers its own errors in the subtype that the client speaks', async () => {
    const fields = grpcFields(path, ['grpc-timeout', 'soon']).map((text) =>
      text === 'application/grpc' ? 'application/grpc+json' : text,
    );
    const { headers } = await client.call(fields, framed(Buffer.from('{}'))).done;
    assert.equal(getMetadata(headers, 'grpc-status'), '13');
    assert.equal(getMetadata(headers, 'content-type'), 'application/grpc+json');
  });
});

/** Registers what the backend does on a path of its own, and calls it. */
let cases = 0;
async function against(
  answer: Parameters<typeof startWireServer>[0],
  body: Buffer = framed(Buffer.from('x')),
): Promise<{ status: string | undefined; message: string | undefined; answer: WireAnswer }> {
  const own = `/any.Service/Case${++cases}`;
  script.set(own, answer);
  const got = await client.call(grpcFields(own), body).done;
  const end = got.trailers.length > 0 ? got.trailers : got.headers;
  return { status: getMetadata(end, 'grpc-status'), message: getMetadata(end, 'grpc-message'), answer: got };
}

const head = [':status', '200', 'content-type', 'application/grpc'];

describe('a backend that ends badly', () => {
  // PROTOCOL-HTTP2.md's table of RST_STREAM codes
  for (const [code, status] of [
    [0, '13'],
    [1, '13'],
    [2, '13'],
    [3, '13'],
    [7, '14'],
    [8, '1'],
    [11, '8'],
    [12, '7'],
  ] as const) {
    it(`is status ${status} when it resets with code ${code}, before or after its first message`, async () => {
      const before = await against((stream) => {
        stream.reset(code);
        return {};
      });
      assert.equal(before.status, status);
      const behind = await against((stream) => {
        stream.respond(head);
        stream.write(reply);
        setTimeout(() => {
          stream.reset(code);
        }, 5);
        return {};
      });
      assert.equal(behind.status, status);
      assert.deepEqual(behind.answer.body, reply);
    });
  }

  // http-grpc-status-mapping.md
  for (const [http, status] of [
    ['400', '13'],
    ['401', '16'],
    ['403', '7'],
    ['404', '12'],
    ['429', '14'],
    ['502', '14'],
    ['503', '14'],
    ['504', '14'],
    ['431', '2'],
    ['500', '2'],
    ['204', '2'],
    ['800', '2'],
  ] as const) {
    it(`is status ${status} when it answers HTTP ${http} without one`, async () => {
      const { answer, ...got } = await against((stream) => {
        stream.respond([':status', http, 'content-type', 'text/html']);
        stream.write(Buffer.from('<html>'));
        stream.end();
        return {};
      });
      assert.equal(got.status, status);
      assert.equal(getMetadata(answer.headers, ':status'), '200');
    });
  }

  for (const [name, answer, status, message] of [
    [
      'ends without trailers',
      (stream) => (stream.respond(head), stream.write(reply), stream.end()),
      '2',
      undefined,
    ],
    [
      'gives a status that is no number',
      (stream) => stream.respond([...head, 'grpc-status', 'OK'], true),
      '2',
      undefined,
    ],
    [
      'answers another content type',
      (stream) => stream.respond([':status', '200', 'content-type', 'text/plain'], true),
      '2',
      undefined,
    ],
    [
      'says OK with a message',
      (stream) => (stream.respond(head), stream.end(['grpc-status', '0', 'grpc-message', 'OK'])),
      '0',
      undefined,
    ],
    [
      'fails with a percent-encoded message',
      (stream) => stream.respond([...head, 'grpc-status', '5', 'grpc-message', 'caf%C3%A9 %zz'], true),
      '5',
      'caf%C3%A9 %zz',
    ],
  ] as const satisfies [
    string,
    (stream: Parameters<Parameters<typeof startWireServer>[0]>[0]) => void,
    string,
    string | undefined,
  ][]) {
    it(`is status ${status} when it ${name}`, async () => {
      const got = await against((stream) => {
        answer(stream);
        return {};
      });
      assert.deepEqual(
        [got.status, got.message],
        [status, message ?? (status === '2' ? got.message : undefined)],
      );
    });
  }

  it('is UNAVAILABLE when the connection is lost in the middle of its answer', async () => {
    const got = await against((stream) => {
      stream.respond(head);
      stream.write(reply);
      setTimeout(() => {
        for (const socket of backend.sockets) socket.destroy();
      }, 10);
      return {};
    });
    assert.equal(got.status, '14');
    assert.deepEqual(got.answer.body, reply);
    // and the next call finds a new connection
    const again = await client.call(grpcFields(path), framed(Buffer.from('x'))).done;
    assert.ok(
      ['0', '14'].includes(
        getMetadata(again.trailers.length > 0 ? again.trailers : again.headers, 'grpc-status') ?? '',
      ),
    );
    await waitFor(async () => {
      const { trailers } = await client.call(grpcFields(path), framed(Buffer.from('x'))).done;
      return getMetadata(trailers, 'grpc-status') === '0';
    });
  });
});

describe('message limits', () => {
  const declared = (bytes: number): Buffer => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes, 1);
    return prefix;
  };

  it('refuses a request by its length prefix, before the message comes', async () => {
    const { stream, done } = client.call(grpcFields('/any.Service/Limit'));
    stream.write(declared(2 ** 32 - 1));
    const { headers } = await done;
    assert.equal(getMetadata(headers, 'grpc-status'), '8');
    assert.match(getMetadata(headers, 'grpc-message') ?? '', /4294967295 bytes, the limit is \d+ bytes/);
  });

  it('refuses a reply by its length prefix, and cancels it at the backend', async () => {
    let cancelled: ((code: number) => void) | undefined;
    const reset = new Promise<number>((resolve) => (cancelled = resolve));
    const got = await against((stream) => {
      stream.respond(head);
      stream.write(declared(2 ** 32 - 1));
      return { onReset: (code) => cancelled?.(code) };
    });
    assert.equal(got.status, '8');
    assert.equal(await reset, 8);
  });
});

describe('calls in flight', () => {
  it('are cancelled at the backend when the client resets', async () => {
    let cancelled: ((code: number) => void) | undefined;
    const reset = new Promise<number>((resolve) => (cancelled = resolve));
    let arrived: (() => void) | undefined;
    const there = new Promise<void>((resolve) => (arrived = resolve));
    script.set('/any.Service/Cancel', () => {
      arrived?.();
      return { onReset: (code) => cancelled?.(code) };
    });
    const { stream } = client.call(grpcFields('/any.Service/Cancel'), framed(Buffer.from('x')));
    await there;
    stream.reset(8);
    assert.equal(await reset, 8);
  });

  it('get an early answer at once, and need not send the rest', async () => {
    const early: Parameters<typeof startWireServer>[0] = (stream) => {
      stream.respond([...head, 'grpc-status', '12'], true);
      return {};
    };
    script.set('/any.Service/Early2', early);
    const { done } = client.call(grpcFields('/any.Service/Early2'));
    assert.equal(getMetadata((await done).headers, 'grpc-status'), '12');
  });

  it('all succeed while the backend sends GOAWAY after GOAWAY', async () => {
    let going = true;
    const goaways = (async () => {
      let sent = 0;
      for (; going; sent++) {
        for (const connection of backend.connections) connection.shutdown();
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return sent;
    })();
    const statuses = new Map<string, number>();
    for (let i = 0; i < 40; i++) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => client.call(grpcFields(path), framed(Buffer.from('x'))).done),
      );
      for (const { headers, trailers } of answers) {
        const status = getMetadata(trailers.length > 0 ? trailers : headers, 'grpc-status') ?? 'none';
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    }
    going = false;
    assert.ok((await goaways) > 1);
    assert.deepEqual([...statuses], [['0', 400]]);
  });
});

it('refuses a request message whose flag gRPC does not have', async () => {
  const { headers } = await client.call(grpcFields(path), framed(Buffer.from('x'), 0x80)).done;
  assert.equal(getMetadata(headers, 'grpc-status'), '13');
  assert.match(getMetadata(headers, 'grpc-message') ?? '', /flag of a message is 128, neither 0 nor 1/);
});
