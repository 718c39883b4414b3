/** The connections to one backend: as few as its stream limit allows, and a bounded queue when that binds. */
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import type { Http2Client } from '../../wire/index.ts';
import type { BackendAddress } from '../backend-address.ts';
import type { ConnectionOptions } from '../options.ts';
import { dial } from './dial.ts';
import { KeepaliveWatchdog } from './keepalive-watchdog.ts';
import { ReconnectBackoff } from './reconnect-backoff.ts';

export interface PoolEvents {
  /** A connection attempt failed, or a connection that was in use was lost. */
  readonly onLost: (reason: StatusError) => void;
  readonly onLimit: (name: string) => void;
  /** So many calls wait for a stream now. */
  readonly onQueue: (waiting: number) => void;
}

interface Waiter {
  resolve(client: Http2Client): void;
  reject(error: StatusError): void;
}

export class Pool {
  readonly #address: BackendAddress;
  readonly #options: ConnectionOptions;
  readonly #events: PoolEvents;
  readonly #hangs: KeepaliveWatchdog;
  readonly #sockets = new Map<Http2Client, Socket>();
  /** Those that take calls. */
  #clients: Http2Client[] = [];
  /** Those that were told to go, and finish the calls that they have. */
  readonly #leaving = new Set<Http2Client>();
  #dialing = 0;
  readonly #redials: ReconnectBackoff;
  #waiters: Waiter[] = [];
  #closed = false;

  /** @param random for the spread of reconnection attempts */
  constructor(
    address: BackendAddress,
    options: ConnectionOptions,
    events: PoolEvents,
    clock: Clock,
    random: () => number = Math.random,
  ) {
    this.#redials = new ReconnectBackoff(clock, random);
    this.#address = address;
    this.#options = options;
    this.#events = events;
    this.#hangs = new KeepaliveWatchdog(options.hungAfterMs, clock);
  }

  /** Connections that take calls. */
  get connections(): number {
    return this.#clients.length;
  }

  /** Streams that the backend allows on as many connections as may be made; unlimited while none has told. */
  get streamLimit(): number {
    const each = this.#clients.reduce(
      (least, { maxConcurrentStreams }) => Math.min(least, maxConcurrentStreams),
      Number.POSITIVE_INFINITY,
    );
    return each * this.#options.maxConnections;
  }

  /** A connection with room for a stream: at once when there is one. Rejects with UNAVAILABLE, surely not started. */
  acquire(): Http2Client | Promise<Http2Client> {
    const free = this.#free();
    if (free !== undefined && this.#waiters.length === 0) return free;
    if (this.#closed) return Promise.reject(this.#unavailable('the gateway is stopping'));
    if (this.#waiters.length >= this.#options.maxQueue) {
      this.#events.onLimit('queue');
      const text = `${this.#options.maxQueue} calls wait for it already`;
      return Promise.reject(
        new StatusError(Code.UNAVAILABLE, `backend ${this.#address.name}: ${text}`, {
          where: this.#address.name,
          notStarted: true,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#events.onQueue(this.#waiters.length);
      this.#grow();
    });
  }

  /** Looks for connections that give no sign of life; called every so often. */
  watch(): void {
    for (const client of [...this.#clients, ...this.#leaving]) {
      const socket = this.#sockets.get(client);
      if (socket === undefined || !this.#hangs.isHung(client, socket)) continue;
      const text = `no sign of life for ${2 * this.#options.hungAfterMs} ms`;
      client.destroy(new Error(text));
    }
  }

  close(graceful: boolean): void {
    this.#closed = true;
    this.#redials.stop();
    for (const client of [...this.#clients, ...this.#leaving]) {
      if (graceful) client.shutdown();
      else client.destroy();
    }
    this.#failWaiters(this.#unavailable('the gateway is stopping'));
  }

  #unavailable(reason: string): StatusError {
    return new StatusError(Code.UNAVAILABLE, `backend ${this.#address.name}: ${reason}`, {
      where: this.#address.name,
      notStarted: true,
    });
  }

  /** The one with the fewest streams of those that take one more. */
  #free(): Http2Client | undefined {
    let best: Http2Client | undefined;
    for (const client of this.#clients) {
      if (client.canOpen && (best === undefined || client.openStreams < best.openStreams)) best = client;
    }
    return best;
  }

  #grow(): void {
    if (this.#dialing > 0 || this.#closed || this.#clients.length >= this.#options.maxConnections) return;
    this.#dialing++;
    this.#redials.next(() => {
      this.#dial();
    });
  }

  #dial(): void {
    if (this.#closed) {
      this.#dialing--;
      return;
    }
    dial(this.#address, this.#options, {
      onReady: (client, socket) => {
        this.#dialing--;
        if (this.#closed) {
          client.destroy();
          return;
        }
        this.#clients.push(client);
        this.#sockets.set(client, socket);
        this.#serve();
      },
      onFailed: (reason) => {
        this.#dialing--;
        this.#redials.failed();
        if (this.#clients.length === 0) this.#failWaiters(reason);
        this.#events.onLost(reason);
      },
      onGoaway: (client) => {
        this.#leave(client);
      },
      onClose: (client, error) => {
        this.#gone(client, error);
      },
      onCapacity: () => {
        this.#serve();
      },
      onLimit: this.#events.onLimit,
    });
  }

  /** It takes no more calls. The next one is made now, so that no call waits for it, or so that its failure is known. */
  #leave(client: Http2Client): void {
    if (!this.#remove(client)) return;
    this.#leaving.add(client);
    this.#redials.ended(client.opened > 0);
    if (this.#free() === undefined) this.#grow();
    this.#serve();
  }

  #gone(client: Http2Client, error: Error | undefined): void {
    const left = this.#leaving.delete(client);
    if (!left) {
      this.#remove(client);
      this.#redials.ended(client.opened > 0);
    }
    this.#sockets.delete(client);
    this.#hangs.forget(client);
    if (this.#closed) return;
    if (!left || error !== undefined)
      this.#events.onLost(this.#unavailable(error?.message ?? 'the connection was closed'));
    this.#serve();
  }

  #remove(client: Http2Client): boolean {
    const before = this.#clients.length;
    this.#clients = this.#clients.filter((other) => other !== client);
    return this.#clients.length < before;
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const free = this.#free();
      if (free === undefined) {
        this.#grow();
        return;
      }
      this.#waiters.shift()?.resolve(free);
      this.#events.onQueue(this.#waiters.length);
      // a waiter opens its stream in a later turn: until then the count does not show it
      if (free.openStreams + 1 >= free.maxConcurrentStreams) return;
    }
  }

  #failWaiters(error: StatusError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#events.onQueue(0);
    for (const waiter of waiters) waiter.reject(error);
  }
}
