/**
 * Tells a backend that is slow from one that is gone without a word (a stopped process, a network that swallows
 * packets).
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import type { Http2Client } from '../../wire/index.ts';

/** What is asked of a connection. */
type Asked = Pick<Http2Client, 'openStreams' | 'opened' | 'ping'>;

interface Silence {
  /** Bytes that had come by then, answers to our own questions included. */
  bytesRead: number;
  /** Streams begun by then: of those that came later, none was answered. */
  opened: number;
  /** Since when nothing came although something is expected. */
  sinceMs: number;
  /** When it was last asked for a sign of life; undefined when it has answered. */
  askedMs: number | undefined;
  /** Questions since the last byte that was no answer to one. */
  asked: number;
}

/**
 * gRPC servers count pings that come more often than every five minutes without data as strikes, and cut the
 * connection at the fourth (gRFC A8). Only what the server sends of its own, headers or data, clears the count: neither
 * its answers to pings nor the end of a call that this side gave up.
 */
const maxAsks = 3;

/**
 * Detects dead connections by HTTP/2 PING (RFC 9113 §6.7): sends one after `hungAfterMs` without a byte while an
 * answer is expected (the second and third after 4 and 16 times as long, no fourth before other bytes come), and
 * reports the connection as hung when `hungAfterMs` more pass without an answer. `isHung()` has to be called at
 * regular intervals.
 */
export class KeepaliveWatchdog {
  readonly #hungAfterMs: number;
  readonly #clock: Clock;
  readonly #silences = new Map<Asked, Silence>();

  constructor(hungAfterMs: number, clock: Clock) {
    this.#hungAfterMs = hungAfterMs;
    this.#clock = clock;
  }

  /** True when the connection was asked for a sign of life and gave none. */
  isHung(client: Asked, socket: Pick<Socket, 'bytesRead'>): boolean {
    const now = this.#clock();
    const { bytesRead } = socket;
    const { opened } = client;
    const silence = this.#silences.get(client);
    if (silence === undefined) {
      this.#silences.set(client, { bytesRead, opened, sinceMs: now, askedMs: undefined, asked: 0 });
      return false;
    }
    if (bytesRead !== silence.bytesRead) {
      silence.bytesRead = bytesRead;
      silence.opened = opened;
      silence.sinceMs = now;
      silence.askedMs = undefined;
      silence.asked = 0;
      return false;
    }
    // calls that were given up for a faster backend are a question, too: without them hedges would hide a dead one
    if (client.openStreams === 0 && opened === silence.opened) {
      // nothing is expected; but a strike is a strike
      silence.sinceMs = now;
      silence.askedMs = undefined;
      return false;
    }
    if (silence.askedMs !== undefined) return now - silence.askedMs >= this.#hungAfterMs;
    // patience grows with each answer: 1, 4, 16 times
    if (now - silence.sinceMs >= this.#hungAfterMs * 4 ** silence.asked && silence.asked < maxAsks) {
      silence.asked++;
      silence.askedMs = now;
      client.ping(() => {
        silence.askedMs = undefined;
        // the answer itself is no news of the calls
        silence.bytesRead = socket.bytesRead;
        silence.opened = client.opened;
      });
    }
    return false;
  }

  forget(client: Asked): void {
    this.#silences.delete(client);
  }
}
