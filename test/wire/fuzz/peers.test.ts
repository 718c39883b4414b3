/** node:http2 as the peer, both ways, behaving by chance: bytes arrive as they were sent, and each stream ends once. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { it } from 'node:test';
import {
  defaultClientLimits,
  defaultServerLimits,
  Http2Client,
  Http2Server,
  type ServerStream,
} from '../../../src/wire/index.ts';
import { waitFor } from '../../support/index.ts';
import { type RandomBelow, seededBelow } from '../../support/random.ts';

const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 20_261_125);
const rounds = Number(process.env.TENSORGATE_FUZZ_PEER_ROUNDS ?? 6);
const streamsOfRound = 60;
const cancel = 8;

/** Bytes that tell one stream from another. */
const bodyOf = (id: number, bytes: number): Buffer => Buffer.alloc(bytes, `stream ${id};`);
const size = (random: RandomBelow): number => [0, 1, 100, 16_384, 70_000, 400_000][random(6)] ?? 0;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Gives back what comes, at the pace at which it is taken; the trailers say how much it was. */
function echo(stream: ServerStream) {
  let bytes = 0;
  let owed = 0;
  stream.respond([':status', '200']);
  return {
    onData(chunk: Buffer) {
      bytes += chunk.length;
      if (stream.write(chunk)) stream.credit(chunk.length);
      else owed += chunk.length;
    },
    onEnd() {
      stream.end(['x-bytes', String(bytes)]);
    },
    onReset() {},
    onDrain() {
      stream.credit(owed);
      owed = 0;
    },
  };
}

it(
  `serves clients on node:http2 that do as chance will have it (seed ${seed})`,
  { timeout: 120_000 },
  async (t) => {
    const limited: string[] = [];
    let waiting = 0;
    const connections = new Set<Http2Server>();
    const server = net.createServer((socket) => {
      const connection: Http2Server = new Http2Server(socket, {
        limits: defaultServerLimits,
        onStream: echo,
        onClose: () => connections.delete(connection),
        onLimit: (name) => limited.push(name),
        onWaiting: (bytes) => (waiting += bytes),
      });
      connections.add(connection);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

    /** One call; resolves when it is over, with "whole", or "cut" when this side cancelled it. */
    async function call(session: http2.ClientHttp2Session, id: number, random: RandomBelow): Promise<string> {
      const body = bodyOf(id, size(random));
      const fate = random(5);
      const stream = session.request({
        ':method': 'POST',
        ':path': `/${id}`,
        'x-note': 'n'.repeat(random(200)),
      });
      const parts: Buffer[] = [];
      let bytes: string | undefined;
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('trailers', (trailers: http2.IncomingHttpHeaders) => (bytes = String(trailers['x-bytes'])));
      stream.on('error', () => undefined);
      const closed = once(stream, 'close');
      for (let at = 0; at < body.length;) {
        const to = at + 1 + random(30_000);
        stream.write(body.subarray(at, to));
        at = to;
        if (random(4) === 0) await turn();
        if (random(12) === 0) stream.pause();
        if (random(12) === 0 && !session.destroyed) session.ping(() => undefined);
        if (fate === 0 && random(4) === 0) break;
      }
      stream.resume();
      if (fate === 0) stream.close(cancel);
      else stream.end();
      if (fate === 1 && random(2) === 0) stream.close(cancel);
      await closed;
      if (stream.rstCode !== 0) return fate <= 1 ? 'cut' : `reset ${String(stream.rstCode)}`;
      const got = Buffer.concat(parts);
      return bytes === String(body.length) && got.equals(body)
        ? 'whole'
        : `${got.length} of ${body.length} bytes`;
    }

    const random = seededBelow(seed);
    for (let round = 0; round < rounds; round++) {
      const errors: unknown[] = [];
      const session = http2.connect(url, {
        settings: {
          initialWindowSize: [0, 100, 65_535, 2 ** 20][random(4)] ?? 0,
          maxFrameSize: [16_384, 100_000][random(2)] ?? 16_384,
          headerTableSize: [0, 100, 4096][random(3)] ?? 0,
        },
      });
      session.on('error', () => undefined);
      await once(session, 'connect');
      const calls: Promise<string>[] = [];
      for (let i = 0; i < streamsOfRound; i++) {
        calls.push(call(session, i, seededBelow(random(2 ** 31))));
        if (random(8) === 0 && !session.pendingSettingsAck)
          session.settings({ initialWindowSize: 1 + random(200_000) });
        if (random(6) === 0) await turn();
      }
      // a window of 0 stays shut until it is opened
      session.settings({ initialWindowSize: 100_000 });
      const outcomes = await Promise.all(calls);
      assert.deepEqual(errors, [], `round ${round}`);
      assert.deepEqual(
        outcomes.filter((outcome) => outcome !== 'whole' && outcome !== 'cut'),
        [],
        `round ${round}`,
      );
      assert.ok(outcomes.includes('whole'));
      if (random(2) === 0) session.close();
      else session.destroy();
    }
    await waitFor(() => connections.size === 0, 20_000, 'the end of all connections');
    assert.deepEqual(limited, []);
    await waitFor(() => waiting === 0, 20_000, 'that nothing waits');
  },
);

it(
  `calls servers on node:http2 that do as chance will have it (seed ${seed})`,
  { timeout: 120_000 },
  async (t) => {
    const random = seededBelow(seed + 1);
    const server = http2.createServer({
      settings: { initialWindowSize: 50_000, maxConcurrentStreams: 1000 },
    });
    server.on('sessionError', () => undefined);
    server.on('stream', (stream, fields) => {
      const own = seededBelow(Number(String(fields[':path']).slice(1)) + seed);
      const id = Number(String(fields[':path']).slice(1));
      stream.on('error', () => undefined);
      const parts: Buffer[] = [];
      stream.on('data', (part: Buffer) => parts.push(part));
      const answer = (): void => {
        if (stream.destroyed) return;
        const fate = own(6);
        if (fate === 0) {
          stream.close(own(14));
          return;
        }
        stream.respond({ ':status': 200 }, { waitForTrailers: own(2) === 0 });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-id': String(id) }));
        const body = Buffer.concat(parts);
        stream.write(body);
        if (fate === 1) setImmediate(() => stream.close(own(14)));
        else stream.end(bodyOf(id, own(3) === 0 ? 200_000 : 10));
      };
      if (own(4) === 0) setImmediate(answer);
      else stream.on('end', answer);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close());

    for (let round = 0; round < rounds; round++) {
      const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1');
      await once(socket, 'connect');
      let waiting = 0;
      let over: Error | true | undefined;
      let ready = false;
      const client = new Http2Client(socket, {
        limits: defaultClientLimits,
        onReady: () => (ready = true),
        onClose: (error) => (over = error ?? true),
        onWaiting: (bytes) => (waiting += bytes),
      });
      await waitFor(() => ready);
      const ends = Array.from({ length: streamsOfRound }, () => [] as string[]);
      for (let i = 0; i < streamsOfRound; i++) {
        const id = round * streamsOfRound + i;
        const fields = [':method', 'POST', ':scheme', 'http', ':path', `/${id}`, ':authority', 'test'];
        const end = (how: string): void => void ends[i]?.push(how);
        const stream = client.request(fields, [], false, {
          onHeaders: (_fields, last) => {
            if (last) end('head');
          },
          onData: (chunk) => {
            assert.deepEqual(ends[i], [], 'bytes after the end');
            stream.credit(chunk.length);
          },
          onEnd: () => end('end'),
          onReset: (code) => end(`reset ${code}`),
          onDrain() {},
        });
        stream.write(bodyOf(id, size(random)));
        if (random(5) === 0) {
          stream.reset(cancel);
          // unless it was over already, nothing may come from here on
          if (ends[i]?.length === 0) end('cancelled');
        } else stream.end(random(3) === 0 ? ['x-last', 'yes'] : []);
        if (random(4) === 0) await turn();
      }
      await waitFor(() => ends.every((each) => each.length > 0), 20_000, 'an end of every stream');
      await turn();
      // a reset may follow the peer's end while this side was still sending, and nothing follows a reset
      const strange = ends.filter(
        (each) => each.length > 1 && !/^(end|head),reset \d+$/.test(each.join(',')),
      );
      assert.deepEqual(strange, [], 'each stream ends once');
      assert.equal(over, undefined, `the connection is there after round ${round}: ${String(over)}`);
      client.destroy();
      await waitFor(() => socket.destroyed && waiting === 0, 10_000, 'that nothing waits');
    }
  },
);
