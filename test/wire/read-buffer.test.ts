/**
 * Tests that memory of reads goes back as soon as all of it is done with, and never while somebody looks at a part of
 * it.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { FrameReader, type FrameSink } from '../../src/wire/http2/frame-reader.ts';
import {
  defaultServerLimits,
  Http1Server,
  type ServerStream,
  type StreamEvents,
} from '../../src/wire/index.ts';
import { poisonsReads, ReadBlock } from '../../src/wire/socket/read-blocks.ts';
import { ReadBuffer } from '../../src/wire/socket/read-buffer.ts';
import { frame, h2 } from '../support/h2-frames.ts';
import { type RandomBelow, seededBelow } from '../support/random.ts';
import { connectWire, startWireServer } from '../support/wire.ts';

const timeout = 20_000;

describe('the memory of a read', () => {
  const read = (): { chunk: Buffer; memory: ReadBuffer } => {
    const chunk = Buffer.allocUnsafeSlow(65_536);
    return { chunk, memory: ReadBuffer.of(chunk) as ReadBuffer };
  };

  it('goes back with the last piece, in whatever order', () => {
    const { chunk, memory } = read();
    memory.lend(40_000);
    memory.release(40_000);
    assert.deepEqual([chunk.length, memory.state], [65_536, 'being cut']);
    memory.lend(25_000);
    assert.equal(memory.state, 'being cut');
    memory.sliced();
    assert.deepEqual([chunk.length, memory.state], [65_536, 'lent']);
    memory.release(24_999);
    assert.deepEqual([chunk.length, memory.state], [65_536, 'lent']);
    memory.release(1);
    assert.deepEqual([chunk.length, memory.state], [0, 'released']);
    // twice: ignored
    memory.release(1);
    assert.equal(memory.state, 'released');
  });

  it('stays when who cuts it has kept a part', () => {
    const { chunk, memory } = read();
    memory.lend(60_000);
    memory.release(60_000);
    assert.equal(chunk.length, 65_536);
  });

  it('takes no part of other memory, and nothing little, for its own', () => {
    const large = Buffer.allocUnsafeSlow(65_536);
    assert.equal(ReadBuffer.of(large.subarray(1)), undefined);
    assert.equal(ReadBuffer.of(large.subarray(0, 65_535)), undefined);
    assert.equal(ReadBuffer.of(Buffer.allocUnsafe(5000)), undefined, "Node's pool");
    assert.equal(ReadBuffer.of(Buffer.allocUnsafeSlow(1000)), undefined);
  });
});

describe('a block of reads', () => {
  it('is filling, reusable, closed and idle, as the table says', () => {
    const states: string[] = [];
    const block = new ReadBlock();
    const note = (): void => void states.push(block.blockState);
    note();
    block.take(1000);
    note();
    block.lend(1000);
    block.sliced();
    note();
    block.release(1000);
    note();
    block.take(500);
    block.lend(500);
    block.sliced();
    block.close();
    note();
    block.release(500);
    note();
    assert.deepEqual(states, ['reusable', 'filling', 'filling', 'reusable', 'closed', 'idle']);
    const unused = new ReadBlock();
    unused.close();
    assert.equal(unused.blockState, 'idle');
  });

  it('is used again when it is closed and all its reads are back, by another owner', () => {
    const block = new ReadBlock();
    const { buffer } = block.room;
    const first = block.take(100_000);
    block.lend(100_000);
    block.sliced();
    assert.equal(first.length, 100_000);
    assert.ok(block.isFull);
    block.close();
    assert.notEqual(new ReadBlock().room.buffer, buffer, 'a piece is out');
    block.release(100_000);
    const next = new ReadBlock();
    assert.equal(next.room.buffer, buffer);
    // too often: what it was given is not its own any more
    if (poisonsReads)
      assert.throws(() => {
        block.release(1);
      }, /more of a read/);
    else block.release(1);
    assert.notEqual(new ReadBlock().room.buffer, buffer);
  });

  it('is overwritten as soon as all is back, where reads are poisoned', { skip: !poisonsReads }, () => {
    const block = new ReadBlock();
    const room = block.room;
    const read = block.take(1000);
    read.fill(1);
    block.lend(1000);
    block.sliced();
    assert.equal(read[0], 1);
    block.release(1000);
    assert.equal(read[0], 0xee);
    assert.equal(room[999], 0xee);
  });

  it('has reads behind one another, and begins anew when none is out', () => {
    const block = new ReadBlock();
    const at = (): number => block.room.byteOffset;
    const begin = at();
    block.take(40_000);
    assert.equal(at(), begin + 40_000, 'it is being cut');
    block.sliced();
    assert.equal(at(), begin);
    block.take(40_000);
    block.lend(5);
    block.sliced();
    assert.equal(at(), begin + 40_000);
    block.release(5);
    assert.equal(at(), begin);
  });
});

/** Bytes that tell their place, and whose they are. */
function numbered(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32BE((seed * 2 ** 24 + i) >>> 0, i);
  return bytes;
}

interface Held {
  readonly chunk: Buffer;
  readonly memory: ReadBuffer | undefined;
  readonly from: number;
  readonly length: number;
}

/** Reads a body, checks it when it lets go of it, and lets go of it when it likes. */
class Reader {
  readonly #stream: ServerStream;
  readonly #body: Buffer;
  /** How many of eight pieces are kept to the end. */
  readonly #kept: number;
  readonly #random: RandomBelow;
  #late: Held[] = [];
  readonly #held: Held[] = [];
  readonly #gone: Held[] = [];
  #bytes = 0;
  /** Where bytes were not what they had to be. */
  readonly #wrong: string[] = [];

  constructor(stream: ServerStream, body: Buffer, kept: number, random: RandomBelow) {
    this.#stream = stream;
    this.#body = body;
    this.#kept = kept;
    this.#random = random;
  }

  readonly events: StreamEvents = {
    onData: (chunk, memory) => {
      const { length } = chunk;
      const piece = { chunk, memory, from: this.#bytes, length };
      this.#bytes += length;
      if (this.#random(8) < this.#kept) {
        this.#held.push(piece);
        this.#stream.credit(length);
      } else this.#late.push(piece);
      if (this.#random(2) === 0) this.#evict();
      // or somewhat later, when more may have come
      else
        setImmediate(() => {
          this.#evict();
        });
    },
    onEnd: () => {
      this.#evict();
      if (this.#bytes !== this.#body.length) this.#wrong.push(`${this.#bytes} bytes`);
      this.#stream.respond([':status', '200', 'content-length', '0']);
      this.#stream.end();
    },
    onReset() {},
    onDrain() {},
  };

  #evict(): void {
    const late = this.#late;
    this.#late = [];
    for (const piece of late) {
      this.#check(piece);
      piece.memory?.release(piece.length);
      this.#gone.push(piece);
      this.#stream.credit(piece.length);
    }
  }

  #check({ chunk, from, length }: Held): void {
    if (!chunk.equals(this.#body.subarray(from, from + length))) this.#wrong.push(`bytes from ${from} on`);
  }

  /** All that it has read was right, and what it has kept is still there. Gives how many bytes of the others are. */
  check(): number {
    for (const piece of this.#held) this.#check(piece);
    assert.deepEqual(this.#wrong, []);
    let left = 0;
    for (const { chunk, memory, length } of this.#gone)
      if (memory?.isBack !== true) left += Math.min(chunk.length, length);
    return left;
  }
}

const bodyBytes = 3_000_000;
/** The first read, which the head may come with in pieces, and what was split in the middle of a frame's header. */
const maxLeftBytes = bodyBytes / 4;

describe('blocks of reads at the HTTP/1.1 end', () => {
  let port = 0;
  let reader: Reader | undefined;
  let open: (stream: ServerStream) => Reader = () => assert.fail('nothing is expected');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    new Http1Server(socket, {
      headersTimeoutMs: timeout,
      keepAliveTimeoutMs: timeout,
      maxHeadBytes: 16_384,
      maxHeadFields: 100,
      onLimit: () => undefined,
      windowBytes: 262_144,
      highWaterBytes: 65_536,
      onStream: (stream) => (reader = open(stream)).events,
      onOther: () => assert.fail('a plain request'),
      onClose: () => undefined,
    }).begin(Buffer.alloc(0));
  });
  before(async () => {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(() => {
    agent.destroy();
    server.close();
  });

  async function post(body: Buffer, chunkBytes: number | undefined): Promise<void> {
    const headers = chunkBytes === undefined ? { 'content-length': body.length } : {};
    const call = request({ port, host: '127.0.0.1', method: 'POST', agent, headers });
    if (chunkBytes === undefined) call.write(body);
    else for (let at = 0; at < body.length; at += chunkBytes) call.write(body.subarray(at, at + chunkBytes));
    call.end();
    const [answer] = (await once(call, 'response')) as [NodeJS.ReadableStream];
    answer.resume();
    await once(answer, 'end');
  }

  it('stay when they hold the beginning of another request', { timeout }, async () => {
    const bodies = [1, 2, 3].map((seed) => numbered(seed, 20_000));
    const random = seededBelow(3);
    const readers: Reader[] = [];
    open = (stream) => {
      const made = new Reader(stream, bodies[readers.length] as Buffer, 0, random);
      readers.push(made);
      return made;
    };
    const socket = connect(port, '127.0.0.1');
    socket.write(
      Buffer.concat(
        bodies.flatMap((body, i) => [
          Buffer.from(
            `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20000\r\n${i === 2 ? 'connection: close\r\n' : ''}\r\n`,
          ),
          body,
        ]),
      ),
    );
    let answers = '';
    socket.on('data', (chunk: Buffer) => (answers += chunk.toString('latin1')));
    await once(socket, 'end');
    assert.equal(answers.match(/^HTTP\/1.1 200 /gm)?.length, 3);
    for (const made of readers) made.check();
  });

  for (const [name, chunkBytes] of [
    ['of known length', undefined],
    ['in chunks larger than a read', 300_000],
    ['in chunks smaller than a read', 9000],
  ] as const) {
    it(`go back when a body ${name} is done with, and stay where it is kept`, { timeout }, async () => {
      for (const kept of [0, 1, 8]) {
        const random = seededBelow(kept + 1);
        const body = numbered(kept, bodyBytes);
        open = (stream) => new Reader(stream, body, kept, random);
        await post(body, chunkBytes);
        const left = reader?.check() ?? 0;
        if (kept === 0) assert.ok(left < maxLeftBytes, `${left} bytes are left`);
      }
    });
  }
});

describe('blocks of reads at the HTTP/2 end', () => {
  /** A reader of frames whose DATA are given back at once. */
  function frames(): { reader: FrameReader; data: string[]; blocks: string[] } {
    const data: string[] = [];
    const blocks: string[] = [];
    const sink: Partial<FrameSink> = {
      onSettings: () => undefined,
      onDataFrame: () => undefined,
      onDataChunk(_stream, chunk, memory) {
        data.push(chunk.toString());
        memory?.release(chunk.length);
      },
      onDataEnd: () => undefined,
      onHeadersFrame: (_id, block) => blocks.push(block.toString()),
    };
    return { reader: new FrameReader(sink as FrameSink, defaultServerLimits), data, blocks };
  }

  it('stay while a part of a frame or of a header block is kept', () => {
    const settings = frame(h2.SETTINGS, 0, 0);
    const text = 'x'.repeat(10_000);
    const whole = Buffer.concat([
      settings,
      frame(h2.DATA, 0, 1, Buffer.from(text)),
      frame(h2.HEADERS, 0, 3, Buffer.from('head')),
      frame(h2.CONTINUATION, h2.END_HEADERS, 3, Buffer.from('er')),
      frame(h2.DATA, 0, 1, Buffer.from(text)),
    ]);
    for (let cut = settings.length + 9 + text.length; cut <= whole.length - text.length; cut++) {
      const { reader, data, blocks } = frames();
      const parts = [whole.subarray(0, cut), whole.subarray(cut)].map((part) => {
        const copy = Buffer.allocUnsafeSlow(part.length);
        part.copy(copy);
        return copy;
      });
      for (const part of parts) reader.push(part, ReadBuffer.of(part));
      assert.deepEqual({ data: data.join(''), blocks }, { data: text + text, blocks: ['header'] }, `${cut}`);
    }
  });

  it('go back when all streams in them are done, and stay where one keeps a part', { timeout }, async (t) => {
    const random = seededBelow(7);
    const readers: Reader[] = [];
    let bodies: Buffer[] = [];
    let kept: readonly number[] = [];
    const server = await startWireServer((stream, fields) => {
      const i = Number((fields[fields.indexOf(':path') + 1] ?? '').slice(1));
      const reader = new Reader(stream, bodies[i] as Buffer, kept[i] as number, random);
      readers.push(reader);
      return reader.events;
    });
    t.after(() => {
      server.close();
    });
    const client = await connectWire(server.port);
    t.after(() => {
      client.destroy();
    });
    for (kept of [[0], [0, 0, 0], [0, 8, 1, 0]]) {
      readers.length = 0;
      bodies = kept.map((_, i) => numbered(i, bodyBytes));
      const fields = (i: number): string[] => [
        ...[':method', 'POST', ':scheme', 'http'],
        ...[':path', `/${i}`, ':authority', 'test'],
      ];
      const answers = await Promise.all(bodies.map((body, i) => client.call(fields(i), body).done));
      assert.deepEqual([...new Set(answers.map(({ reset }) => reset))], [undefined]);
      for (const reader of readers) {
        const left = reader.check();
        if (kept.every((eighths) => eighths === 0)) assert.ok(left < maxLeftBytes, `${left} bytes are left`);
      }
    }
  });
});
