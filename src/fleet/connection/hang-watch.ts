/** Tells a backend that is slow from one that is gone without a word (a stopped process, a network that swallows packets). */
import type { Socket } from 'node:net';
import type { Clock } from '../../call/index.ts';
import type { Http2Client } from '../../wire/index.ts';

interface Silence {
  bytesRead: number;
  /** Since when nothing came although something is expected. */
  sinceMs: number;
  /** When it was last asked for a sign of life; undefined when it has answered. */
  askedMs: number | undefined;
  asked: number;
}

/**
 * gRPC servers count pings that come more often than every five minutes without data as strikes, and cut the
 * connection at the fourth (gRFC A8). Any byte that arrives starts the count anew.
 */
const maxAsks = 3;

export class HangWatch {
  readonly #hungAfterMs: number;
  readonly #clock: Clock;
  readonly #silences = new Map<Http2Client, Silence>();

  constructor(hungAfterMs: number, clock: Clock) {
    this.#hungAfterMs = hungAfterMs;
    this.#clock = clock;
  }

  /** True when the connection was asked for a sign of life and gave none. */
  isHung(client: Http2Client, socket: Socket): boolean {
    const now = this.#clock();
    const { bytesRead } = socket;
    const silence = this.#silences.get(client);
    if (silence === undefined || client.openStreams === 0 || bytesRead !== silence.bytesRead) {
      const asked = silence?.askedMs === undefined ? 0 : silence.asked;
      this.#silences.set(client, {
        bytesRead,
        sinceMs: now,
        askedMs: undefined,
        asked: client.openStreams === 0 ? 0 : asked,
      });
      return false;
    }
    if (silence.askedMs !== undefined) return now - silence.askedMs >= this.#hungAfterMs;
    // patience grows with each answer: 1, 4, 16 times
    if (now - silence.sinceMs >= this.#hungAfterMs * 4 ** silence.asked && silence.asked < maxAsks) {
      silence.asked++;
      silence.askedMs = now;
      client.ping(() => {
        silence.askedMs = undefined;
      });
    }
    return false;
  }

  forget(client: Http2Client): void {
    this.#silences.delete(client);
  }
}
