/** Log lines on their way: in order, bounded while the destination takes nothing, and counted when it refuses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { learnSecret } from '../../src/base/secrets.ts';
import { Lines } from '../../src/telemetry/lines.ts';

type Done = (error: Error | null | undefined) => void;

function destination(): { put: (bytes: Buffer, done: Done) => void; writes: string[]; end: Done } {
  const made = {
    writes: [] as string[],
    end: (() => undefined) as Done,
    put(bytes: Buffer, done: Done): void {
      made.writes.push(bytes.toString());
      made.end = done;
    },
  };
  return made;
}

describe('log lines', () => {
  it('go out one write after the other, those that come meanwhile together', () => {
    const to = destination();
    const lines = new Lines(to.put, 1000);
    for (const line of ['1\n', '2\n', '3\n']) lines.write(line);
    assert.deepEqual(to.writes, ['1\n']);
    to.end(null);
    assert.deepEqual(to.writes, ['1\n', '2\n3\n']);
    to.end(null);
    lines.write('4\n');
    assert.deepEqual(to.writes, ['1\n', '2\n3\n', '4\n']);
    assert.equal(lines.dropped, 0);
  });

  it('are dropped and counted beyond the bound, what is being written included', () => {
    const to = destination();
    const lines = new Lines(to.put, 100);
    for (let i = 0; i < 30; i++) lines.write('123456789\n');
    assert.equal(lines.dropped, 20);
    to.end(null);
    to.end(null);
    lines.write('after\n');
    assert.equal(to.writes.join('').split('\n').length - 1, 11);
  });

  it('are counted when they are refused, and the next ones are tried', () => {
    const to = destination();
    const lines = new Lines(to.put, 1000);
    for (let i = 0; i < 3; i++) lines.write(`${i}\n`);
    to.end(new Error('ENOSPC'));
    assert.equal(lines.dropped, 1);
    to.end(new Error('ENOSPC'));
    assert.equal(lines.dropped, 3);
    lines.write('again\n');
    to.end(null);
    assert.deepEqual([to.writes.at(-1), lines.dropped], ['again\n', 3]);
  });

  it('are flushed when they are out, or when the time is up', async () => {
    const to = destination();
    const lines = new Lines(to.put, 1000);
    await lines.flush(60_000);
    lines.write('1\n');
    lines.write('2\n');
    let flushed = 0;
    const both = [lines.flush(60_000), lines.flush(60_000)].map((each) => each.then(() => flushed++));
    to.end(null);
    await Promise.resolve();
    assert.equal(flushed, 0);
    to.end(null);
    await Promise.all(both);
    lines.write('never out\n');
    await lines.flush(1);
  });

  it('have no secrets in them', () => {
    const to = destination();
    const lines = new Lines(to.put, 1000);
    learnSecret('line"s3cret');
    lines.write(`${JSON.stringify({ reason: 'line"s3cret', url: 'redis://u:p@h' })}\n`);
    assert.equal(to.writes[0], '{"reason":"***","url":"redis://***@h"}\n');
  });
});
