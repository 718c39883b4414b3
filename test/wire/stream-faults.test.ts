/**
 * A user of a stream that throws, at every event that streams have: the stream ends, and its connection goes on with
 * all others.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onFault } from '../../src/base/faults.ts';
import { ErrorCode, ownFault, type StreamEvents } from '../../src/wire/index.ts';
import { connectWire, framed, grpcFields, startWireServer } from '../support/wire.ts';

/** Faults of the process while a test runs. */
function hearFaults(t: { after(f: () => void): void }): string[] {
  const told: string[] = [];
  t.after(onFault((where, reason) => told.push(`${where}: ${(reason as Error).message}`)));
  return told;
}

const breaks = (): never => {
  throw new TypeError('planted');
};
const body = framed(Buffer.alloc(100));
const answerHead = [':status', '200', 'content-type', 'application/grpc'];
const trailers = ['grpc-status', '0'];

describe('a server end whose user throws', () => {
  for (const at of ['onStream', 'onData', 'onEnd', 'onDrain'] as const)
    it(`${at}: that stream is reset with INTERNAL_ERROR, its user is told, and the next is served`, async (t) => {
      const told = hearFaults(t);
      const resets: number[] = [];
      const server = await startWireServer((stream, fields) => {
        if (!fields.includes('x-broken')) {
          return {
            onEnd() {
              stream.respond(answerHead);
              stream.write(body);
              stream.end(trailers);
            },
          };
        }
        if (at === 'onStream') return breaks();
        const events: Partial<StreamEvents> = { onReset: (code) => void resets.push(code), [at]: breaks };
        if (at !== 'onDrain') return events;
        return {
          ...events,
          onEnd() {
            stream.respond(answerHead);
            // more than the client's window
            stream.write(Buffer.alloc(4_000_000));
          },
        };
      });
      t.after(() => {
        server.close();
      });
      const client = await connectWire(server.port);
      t.after(() => {
        client.destroy();
      });
      const beside = client.call(grpcFields('/a.B/Beside'));
      const broken = await client.call(grpcFields('/a.B/C', ['x-broken', '1']), body).done;
      assert.equal(broken.reset, ErrorCode.INTERNAL_ERROR);
      // what was open goes on, and what comes is served
      beside.stream.end();
      assert.deepEqual((await beside.done).trailers, trailers);
      assert.deepEqual((await client.call(grpcFields('/a.B/After'), body).done).trailers, trailers);
      assert.deepEqual(told, ['stream: planted']);
      if (at !== 'onStream') assert.deepEqual(resets, [ownFault]);
    });

  it('onReset, when the connection is lost: the other streams are told all the same', async (t) => {
    const told = hearFaults(t);
    const resets: string[] = [];
    const server = await startWireServer((_, fields) => ({
      onReset() {
        resets.push(fields[fields.indexOf(':path') + 1] as string);
        breaks();
      },
    }));
    t.after(() => {
      server.close();
    });
    const client = await connectWire(server.port);
    const calls = ['/a.B/1', '/a.B/2', '/a.B/3'].map((path) => client.call(grpcFields(path)));
    while (server.requests.length < 3) await new Promise(setImmediate);
    client.destroy();
    await Promise.all(calls.map(({ done }) => done));
    while (server.connections.size > 0) await new Promise(setImmediate);
    assert.deepEqual(resets, ['/a.B/1', '/a.B/2', '/a.B/3']);
    assert.deepEqual(told, ['stream: planted', 'stream: planted', 'stream: planted']);
  });
});

describe('a client end whose user throws', () => {
  for (const at of ['onHeaders', 'onData', 'onEnd'] as const)
    it(`${at}: that stream alone ends`, async (t) => {
      const told = hearFaults(t);
      const server = await startWireServer((stream) => ({
        onEnd() {
          stream.respond(answerHead);
          stream.write(body);
          stream.end(trailers);
        },
      }));
      t.after(() => {
        server.close();
      });
      const client = await connectWire(server.port);
      t.after(() => {
        client.destroy();
      });
      const reset = await new Promise<number>((resolve) => {
        const stream = client.request(grpcFields('/a.B/C'), [], false, {
          onData() {},
          onEnd() {},
          onDrain() {},
          onReset: resolve,
          [at]: breaks,
        });
        stream.end();
      });
      assert.equal(reset, ownFault);
      assert.deepEqual((await client.call(grpcFields('/a.B/After'), body).done).trailers, trailers);
      assert.deepEqual(told, ['stream: planted']);
    });
});
