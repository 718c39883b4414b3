/** When a silent connection is asked for a sign of life, when it is given up, and how often a server is pinged. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KeepaliveWatchdog } from '../../../src/fleet/connection/keepalive-watchdog.ts';
import { manualClock } from '../../support/index.ts';

/** A connection that answers pings or not, looked at every 250 ms. */
function watched(answers: boolean): {
  pings: number[];
  hungAtMs: number | undefined;
  openStreams: number;
  /** Streams so far. */
  opened: number;
  bytesRead: number;
  pass(ms: number): void;
} {
  const { clock, advance } = manualClock();
  const watch = new KeepaliveWatchdog(1000, clock);
  const socket = { bytesRead: 0 };
  const client = {
    openStreams: 1,
    opened: 1,
    ping(callback: () => void): void {
      state.pings.push(clock());
      if (!answers) return;
      socket.bytesRead += 17;
      callback();
    },
  };
  const state = {
    pings: [] as number[],
    hungAtMs: undefined as number | undefined,
    get openStreams() {
      return client.openStreams;
    },
    set openStreams(n: number) {
      client.openStreams = n;
    },
    get opened() {
      return client.opened;
    },
    set opened(n: number) {
      client.opened = n;
    },
    get bytesRead() {
      return socket.bytesRead;
    },
    set bytesRead(n: number) {
      socket.bytesRead = n;
    },
    pass(ms: number) {
      for (let at = 0; at < ms; at += 250) {
        advance(250);
        if (watch.isHung(client, socket)) state.hungAtMs ??= clock();
      }
    },
  };
  return state;
}

describe('the watch over silent connections', () => {
  it('gives a connection up that does not answer within the time', () => {
    const state = watched(false);
    state.pass(5000);
    assert.deepEqual(state.pings, [1250]);
    assert.equal(state.hungAtMs, 2250);
  });

  it('asks a slow but living server three times in all, so that a C-core server does not cut the connection', () => {
    const state = watched(true);
    state.pass(600_000);
    assert.equal(state.hungAtMs, undefined);
    assert.equal(state.pings.length, 3);
    const [first = 0, second = 0, third = 0] = state.pings;
    assert.ok(second - first >= 2000 && third - second >= 10_000, String(state.pings));
  });

  it('counts on over calls that end without a byte of the server', () => {
    const state = watched(true);
    for (let call = 0; call < 20; call++) {
      state.openStreams = 1;
      state.pass(5000);
      state.openStreams = 0;
      state.pass(1000);
    }
    assert.ok(state.pings.length >= 2 && state.pings.length <= 3, String(state.pings));
  });

  it('starts anew when the server sends something of its own', () => {
    const state = watched(true);
    state.pass(100_000);
    assert.equal(state.pings.length, 3);
    state.bytesRead += 100;
    state.pass(100_000);
    assert.equal(state.pings.length, 6);
  });

  it('sees silence behind calls that are given up one after the other, since another backend was faster', () => {
    const state = watched(false);
    for (let at = 0; at < 3000; at += 250) {
      state.opened++;
      // each is over, unanswered, when the watch looks
      state.openStreams = 0;
      state.pass(250);
    }
    assert.equal(state.pings.length, 1);
    assert.ok((state.hungAtMs ?? Number.NaN) <= 2500, String(state.hungAtMs));
  });

  it('asks once after a call that was given up, and no more when the server is there', () => {
    const state = watched(true);
    state.pass(250);
    state.opened++;
    state.openStreams = 0;
    state.pass(600_000);
    assert.equal(state.pings.length, 1);
    assert.equal(state.hungAtMs, undefined);
  });

  it('asks nothing while nothing is expected', () => {
    const state = watched(true);
    state.openStreams = 0;
    state.pass(600_000);
    assert.deepEqual(state.pings, []);
  });
});
