/** Header blocks that come again: which lists are the same object, and which nobody should remember. */
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { isReused } from '../../src/base/identity-memo.ts';
import { HpackDecoder } from '../../src/wire/hpack/decoder.ts';
import { HpackEncoder } from '../../src/wire/hpack/encoder.ts';
import { readHttp1Head } from '../../src/wire/http1/request-head.ts';

const limits = { maxHeaderListBytes: 65_536, maxHeaderFields: 100 };
const head = [':method', 'POST', ':path', '/a.B/C', 'content-type', 'application/grpc'];

const text = (s: string): Buffer => Buffer.concat([Buffer.from([s.length]), Buffer.from(s, 'latin1')]);
/** A literal with incremental indexing (0x40), as grpc-go and Node's client write a deadline, or without (0). */
const literal = (pattern: number, name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([pattern]), text(name), text(value)]);

describe('a header block', () => {
  it('gives the same list when only the deadline differs, and the deadline apart', () => {
    const decoder = new HpackDecoder(limits, 'grpc-timeout');
    const encoder = new HpackEncoder();
    const first = decoder.decode(encoder.encode(head, ['grpc-timeout', '20S']));
    assert.deepEqual(first, head);
    assert.deepEqual(decoder.varying, ['grpc-timeout', '20S']);
    for (const timeout of ['19999m', '19998764u', '20S']) {
      assert.equal(decoder.decode(encoder.encode(head, ['grpc-timeout', timeout])), first, timeout);
      assert.deepEqual(decoder.varying, ['grpc-timeout', timeout]);
    }
    assert.equal(isReused(first as readonly string[]), true);
  });

  it('gives the same list also when each deadline is added to the table', () => {
    const decoder = new HpackDecoder(limits, 'grpc-timeout');
    const block = Buffer.concat([0, 2, 4].map((i) => literal(0, head[i] as string, head[i + 1] as string)));
    const lists = ['1S', '999m', '998m', '997m'].map((timeout) => {
      const list = decoder.decode(Buffer.concat([block, literal(0x40, 'grpc-timeout', timeout)]));
      assert.deepEqual(decoder.varying, ['grpc-timeout', timeout]);
      return list;
    });
    assert.equal(new Set(lists).size, 1);
    // by its index now
    assert.equal(decoder.decode(Buffer.concat([block, Buffer.from([0x80 | 62])])), lists[0]);
    assert.deepEqual(decoder.varying, ['grpc-timeout', '997m']);
  });

  it('has nothing apart where it has no deadline, also when it is known by its bytes', () => {
    const decoder = new HpackDecoder(limits, 'grpc-timeout');
    const encoder = new HpackEncoder();
    decoder.decode(encoder.encode(head, ['grpc-timeout', '20S']));
    for (let i = 0; i < 6; i++) {
      assert.deepEqual(decoder.decode(encoder.encode(head)), head);
      assert.deepEqual(decoder.varying, []);
    }
  });

  it('keeps the deadline in its list at an end that names no such field', () => {
    const decoder = new HpackDecoder(limits);
    const list = decoder.decode(new HpackEncoder().encode([...head, 'grpc-timeout', '20S']));
    assert.deepEqual(list, [...head, 'grpc-timeout', '20S']);
    assert.deepEqual(decoder.varying, []);
  });

  it('counts the deadline towards the limits', () => {
    const few = new HpackDecoder({ ...limits, maxHeaderFields: 3 }, 'grpc-timeout');
    const encoder = new HpackEncoder();
    assert.deepEqual(few.decode(encoder.encode(head)), head);
    assert.equal(few.decode(encoder.encode(head, ['grpc-timeout', '20S'])), undefined);
    assert.deepEqual(few.decode(encoder.encode(head)), head);
  });

  it('is not remembered when it names its request, and those that come again still are', () => {
    const decoder = new HpackDecoder(limits, 'grpc-timeout');
    const encoder = new HpackEncoder();
    const other = [...head, 'x-tenant', 'a'];
    const seen = new Set<readonly string[]>();
    for (let i = 0; i < 200; i++) {
      const own = decoder.decode(encoder.encode(head, ['x-request-id', `request-${String(i)}`]));
      assert.equal(own?.at(-1), `request-${String(i)}`);
      assert.equal(isReused(own), false);
      for (const list of [head, other]) {
        const again = decoder.decode(encoder.encode(list));
        assert.deepEqual(again, list);
        if (i > 4) seen.add(again);
      }
    }
    assert.equal(seen.size, 2);
    for (const list of seen) assert.equal(isReused(list), true);
  });

  it('is read each time when it is long, and kept by nobody', () => {
    const decoder = new HpackDecoder(limits);
    const encoder = new HpackEncoder();
    const long = [...head, 'x-long', 'v'.repeat(5000)];
    for (let i = 0; i < 4; i++) {
      const list = decoder.decode(encoder.encode(long));
      assert.deepEqual(list, long);
      assert.equal(isReused(list), false);
    }
  });
});

describe('a list that is sent', () => {
  it('is written rightly whether it recurs or not, also while the table changes', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(limits);
    for (let i = 0; i < 50; i++) {
      const own = [...head, 'x-tenant', String(i % 3), 'x-once', String(i)];
      assert.deepEqual(decoder.decode(encoder.encode(own, ['grpc-timeout', `${String(i)}m`])), [
        ...own,
        'grpc-timeout',
        `${String(i)}m`,
      ]);
    }
  });
});

describe('a head of HTTP/1.1', () => {
  /** The memory of heads is the process's, and is emptied when it is full: each test begins right behind that. */
  beforeEach(() => {
    const text = 'GET /fill HTTP/1.1\r\nhost: recurring-test-fill';
    readHttp1Head(text);
    const list = readHttp1Head(text)?.fields;
    for (let i = 0; readHttp1Head(text)?.fields === list; i++)
      readHttp1Head(`${text}\r\nx-request-id: ${String(i)}`);
  });

  it('recurs from the second time on', () => {
    const text = 'POST /v1/models/m:predict HTTP/1.1\r\nhost: recurring-test';
    const first = readHttp1Head(text);
    assert.equal(isReused(first?.fields ?? []), false);
    const lists = [1, 2, 3].map(() => readHttp1Head(text)?.fields as readonly string[]);
    assert.equal(new Set(lists).size, 1);
    assert.equal(isReused(lists[0] as readonly string[]), true);
    assert.deepEqual(lists[0], first?.fields);
  });

  it('pushes none out that comes again when it comes once itself', () => {
    const text = 'POST /v1/models/m:predict HTTP/1.1\r\nhost: recurring-test-2';
    readHttp1Head(text);
    const list = readHttp1Head(text)?.fields;
    for (let i = 0; i < 100; i++) readHttp1Head(`${text}\r\nx-request-id: ${String(i)}`);
    assert.equal(readHttp1Head(text)?.fields, list);
  });
});
