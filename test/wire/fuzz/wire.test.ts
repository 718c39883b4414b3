/**
 * Random and mutated bytes at every split point: parsers give the same for any cut, or refuse; nothing else may be
 * thrown.
 */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { StatusError } from '../../../src/base/status.ts';
import { formatTimeout, parseTimeout } from '../../../src/call/index.ts';
import { Base64Decoder, encodeBase64 } from '../../../src/front/grpc-web/base64.ts';
import { FrameAssembler } from '../../../src/front/grpc-web/frame-assembler.ts';
import { FrameWatch } from '../../../src/front/grpc/frame-watch.ts';
import { ConnectionError } from '../../../src/wire/constants.ts';
import { HpackDecoder } from '../../../src/wire/hpack/decoder.ts';
import { HpackEncoder } from '../../../src/wire/hpack/encoder.ts';
import { ChunkedBody } from '../../../src/wire/http1/body.ts';
import { readHttp1Head } from '../../../src/wire/http1/request-head.ts';
import { defaultServerLimits, Http2Server } from '../../../src/wire/index.ts';
import { frame, headers, predictFields, preface, settings } from '../../support/index.ts';

/** More of them for a long run: TENSORGATE_FUZZ_RUNS=100000. */
const numRuns = Number(process.env.TENSORGATE_FUZZ_RUNS ?? 400);
const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 20_261_125);
const options = { numRuns, seed };
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const limits = { maxHeaderListBytes: 65_536, maxHeaderFields: 256 };

function cut(all: Buffer, at: readonly number[]): Buffer[] {
  const points = [...new Set(at.map((n) => n % (all.length + 1)))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => all.subarray(from, points[i] ?? all.length));
}
const cuts = fc.array(fc.nat(5000), { maxLength: 20 });

/** What `run` gives, or the refusal it ends with; anything else that it throws fails the test. */
function outcome<T>(run: () => T): T | string {
  try {
    return run();
  } catch (error) {
    if (error instanceof ConnectionError || error instanceof StatusError) return error.message;
    throw error;
  }
}

describe('fuzz', () => {
  it('HPACK: any list survives a round trip, whatever was sent before', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
      maxLength: 300,
    });
    const list = fc.array(fc.tuple(text, text), { maxLength: 20 }).map((pairs) => pairs.flat());
    fc.assert(
      fc.property(fc.array(fc.tuple(list, list, fc.nat(4096)), { maxLength: 20 }), (blocks) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder({ maxHeaderListBytes: 2 ** 20, maxHeaderFields: 1000 });
        for (const [fields, extra, size] of blocks) {
          if (size % 5 === 0) encoder.setTableSize(size);
          for (let i = 0; i < 3; i++) {
            const block = Buffer.from(encoder.encode(fields, extra));
            assert.deepEqual(decoder.decode(block), [...fields, ...extra]);
          }
        }
      }),
      options,
    );
  });

  it('HPACK: random blocks give a list or COMPRESSION_ERROR', () => {
    fc.assert(
      fc.property(fc.array(bytes(300), { maxLength: 10 }), (blocks) => {
        const decoder = new HpackDecoder(limits);
        for (const block of blocks) outcome(() => decoder.decode(block));
      }),
      options,
    );
  });

  it('a server end takes any bytes, cut anywhere, and ends in order', async () => {
    const valid = Buffer.concat([
      preface,
      settings([[4, 100_000]]),
      headers(1, predictFields()),
      frame(0, 0, 1, Buffer.alloc(50, 7)),
      frame(6, 0, 0, Buffer.alloc(8)),
      headers(3, predictFields(['x-a', 'b'])),
      frame(8, 0, 3, Buffer.from([0, 0, 1, 0])),
      frame(0, 1, 3, Buffer.alloc(20, 1)),
      frame(3, 0, 1, Buffer.from([0, 0, 0, 8])),
    ]);
    const mutations = fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(mutations, cuts, bytes(200), async (changes, at, tail) => {
        const mutated = Buffer.concat([valid, tail]);
        for (const [index, value] of changes) mutated[index] = value;
        const socket = new PassThrough({ allowHalfOpen: true });
        let open = 0;
        const server = new Http2Server(socket, {
          limits: defaultServerLimits,
          onStream(stream) {
            open++;
            return {
              onData: (chunk) => stream.credit(chunk.length),
              onEnd() {
                open--;
                stream.respond([':status', '200'], true);
              },
              onReset: () => void open--,
              onDrain() {},
            };
          },
        });
        // what the server writes comes back as input in a PassThrough: only what is emitted here shall count
        socket.removeAllListeners('data');
        const read = (server as unknown as { read(chunk: Buffer): void }).read.bind(server);
        for (const piece of cut(mutated, at)) read(Buffer.from(piece));
        server.destroy();
        await new Promise((resolve) => setImmediate(resolve));
        assert.equal(open, 0, 'a stream was not told of its end');
      }),
      { ...options, numRuns: Math.ceil(numRuns / 4) },
    );
  });

  it('FrameWatch and FrameAssembler agree for every cut', () => {
    // other flags are refused by one of the two
    const flags = fc.nat(1);
    const begun = fc.tuple(flags, bytes(3)).map(([flag, more]) => Buffer.from([flag, ...more]));
    const beginning = fc.oneof(fc.constant(Buffer.alloc(0)), begun);
    const message = fc.tuple(flags, bytes(80)).map(([flag, body]) => {
      const prefix = Buffer.from([flag, 0, 0, 0, body.length]);
      return Buffer.concat([prefix, body]);
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), cuts, beginning, (messages, at, rest) => {
        const all = Buffer.concat([...messages, rest]);
        const watch = new FrameWatch(1000);
        const out: Buffer[] = [];
        const assembler = new FrameAssembler((parts) => out.push(Buffer.concat(parts)));
        for (const piece of cut(all, at)) {
          watch.feed(piece);
          assembler.push(piece);
        }
        assert.equal(watch.messages, messages.length + (rest.length > 0 ? 1 : 0));
        assert.equal(watch.atBoundary, rest.length === 0);
        assert.ok(Buffer.concat(out).equals(Buffer.concat(messages)));
      }),
      options,
    );
  });

  it('gRPC-Web base64: pieces padded on their own, cut anywhere, give the same bytes; random text is refused or read', () => {
    fc.assert(
      fc.property(fc.array(bytes(60), { maxLength: 8 }), cuts, bytes(60), (parts, at, noise) => {
        const text = Buffer.concat(parts.flatMap((part) => [...encodeBase64([part])]));
        const decoder = new Base64Decoder();
        const out = Buffer.concat(cut(text, at).map((piece) => decoder.push(piece)));
        decoder.finish();
        assert.ok(out.equals(Buffer.concat(parts)));
        const other = new Base64Decoder();
        outcome(() => {
          for (const piece of cut(noise, at)) other.push(piece);
          other.finish();
        });
      }),
      options,
    );
  });

  it('grpc-timeout: any text is refused or a number; what is written is read back no longer', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.double({ min: 0, max: 1e12, noNaN: true }), (text, ms) => {
        const parsed = outcome(() => parseTimeout(text));
        if (typeof parsed === 'number') assert.ok(parsed >= 0 && Number.isFinite(parsed));
        assert.ok(parseTimeout(formatTimeout(ms)) <= Math.max(ms, 0.001));
      }),
      options,
    );
  });

  it('HTTP/1.1 chunks: any body in any chunks, cut anywhere, is the same; random bytes are refused or read', () => {
    fc.assert(
      fc.property(fc.array(bytes(100), { maxLength: 8 }), cuts, bytes(100), (parts, at, noise) => {
        const chunks = parts
          .filter(({ length }) => length > 0)
          .flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
        const body = new ChunkedBody();
        const out: Buffer[] = [];
        for (const piece of cut(Buffer.concat([...chunks, Buffer.from('0\r\n\r\n')]), at))
          assert.notEqual(
            body.read(piece, 0, (data) => out.push(Buffer.from(data))),
            -1,
          );
        assert.ok(body.done);
        assert.ok(Buffer.concat(out).equals(Buffer.concat(parts)));
        new ChunkedBody().read(noise, 0, () => undefined);
        readHttp1Head(noise.toString('latin1'));
      }),
      options,
    );
  });
});
