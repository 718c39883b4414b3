/**
 * The client end against a peer of hand-written frames: connections that come to their end, told to or by themselves.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { defaultClientLimits, Http2Client } from '../../src/wire/index.ts';
import { type Frame, frame, FrameSplitter, h2, preface, settings, uint32 } from '../support/h2-frames.ts';
import { waitFor } from '../support/index.ts';
import { type SocketPairs, startSocketPairs } from '../support/socket-pairs.ts';
import { grpcFields } from '../support/wire.ts';

let pairs: SocketPairs;
before(async () => {
  pairs = await startSocketPairs();
});
after(() => {
  pairs.close();
});

const goaway = (lastId: number): Buffer => frame(h2.GOAWAY, 0, 0, Buffer.concat([uint32(lastId), uint32(0)]));

interface SetUp {
  readonly client: Http2Client;
  readonly peer: { send(...frames: readonly Buffer[]): void };
  /** Ids of the streams that the peer has seen begin. */
  readonly begun: () => number[];
  /** Ids of the streams that the peer was sent DATA on. */
  readonly data: () => number[];
  readonly told: { goaways: number; closes: number };
}

async function setUp(firstId?: number): Promise<SetUp> {
  const { connected, accepted } = await pairs.pair();
  const frames: Frame[] = [];
  const splitter = new FrameSplitter();
  let greeting = preface.length;
  accepted.on('data', (chunk: Buffer) => {
    const skipped = Math.min(greeting, chunk.length);
    greeting -= skipped;
    frames.push(...splitter.push(chunk.subarray(skipped)));
  });
  accepted.resume();
  if (connected.connecting) await once(connected, 'connect');
  const told = { goaways: 0, closes: 0 };
  let ready = false;
  const client = new Http2Client(connected, {
    limits: defaultClientLimits,
    ...(firstId === undefined ? {} : { firstId }),
    onReady: () => (ready = true),
    onGoaway: () => told.goaways++,
    onClose: () => told.closes++,
  });
  const peer = { send: (...out: readonly Buffer[]) => void accepted.write(Buffer.concat(out)) };
  peer.send(settings());
  await waitFor(() => ready);
  return {
    client,
    peer,
    begun: () => frames.filter(({ type }) => type === h2.HEADERS).map(({ id }) => id),
    data: () => frames.filter(({ type }) => type === h2.DATA).map(({ id }) => id),
    told,
  };
}

/** Opens a stream; what becomes of it. @param body what is sent on it, if anything */
function open(
  client: Http2Client,
  body?: Buffer,
): { ended: boolean; resets: [code: number, notProcessed: boolean][] } {
  const seen = { ended: false, resets: [] as [number, boolean][] };
  const stream = client.request(grpcFields('/a.B/C'), [], body === undefined, {
    onHeaders: (_, end) => (seen.ended = end),
    onData() {},
    onEnd: () => (seen.ended = true),
    onReset: (code, notProcessed) => void seen.resets.push([code, notProcessed]),
    onDrain() {},
  });
  if (body !== undefined) {
    stream.write(body);
    stream.end();
  }
  return seen;
}

/** ":status 200" out of the static table, and the end. */
const answer = (id: number): Buffer => frame(h2.HEADERS, h2.END_HEADERS | h2.END_STREAM, id, Buffer.of(0x88));

describe('the client end', () => {
  it('opens no stream that a peer which said GOAWAY would not look at', async () => {
    const { client, peer, begun, data, told } = await setUp();
    const first = open(client);
    await waitFor(() => begun().length === 1);
    peer.send(goaway(1));
    await waitFor(() => told.goaways === 1);
    // whoever was given this connection a moment before comes too late
    const late = open(client, Buffer.alloc(1000));
    await waitFor(() => late.resets.length === 1);
    assert.equal(late.resets[0]?.[1], true, 'surely not processed');
    peer.send(answer(1));
    await waitFor(() => told.closes === 1);
    assert.equal(first.ended, true);
    assert.deepEqual(begun(), [1]);
    assert.deepEqual(data(), []);
  });

  it('goes by itself when its stream ids are used up, and finishes the last calls', async () => {
    const { client, peer, begun, told } = await setUp(2 ** 31 - 3);
    const calls = [open(client), open(client)];
    assert.equal(client.canOpen, false);
    assert.equal(told.goaways, 1);
    await waitFor(() => begun().length === 2);
    peer.send(answer(2 ** 31 - 3), answer(2 ** 31 - 1));
    await waitFor(() => told.closes === 1);
    assert.ok(calls.every(({ ended }) => ended));
  });
});
