/** The connections to one backend: as few as its stream limit allows, and a bounded queue when that binds. */
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { guarded } from '../../base/faults.ts';
import { BackendQueueFull, Code, StatusError } from '../../base/status.ts';
import type { Cancellation, CancelListener, LimitName } from '../../call/index.ts';
import type { Http2Client } from '../../wire/index.ts';
import type { BackendAddress } from '../backend-address.ts';
import type { ConnectionOptions } from '../options.ts';
import { dial } from './dial.ts';
import { KeepaliveWatchdog } from './keepalive-watchdog.ts';
import { ReconnectBackoff } from './reconnect-backoff.ts';

export interface PoolEvents {
  /** A connection attempt failed, or a connection that was in use was lost. */
  readonly onLost: (reason: StatusError) => void;
  readonly onLimit: (name: LimitName) => void;
  /** So many calls wait for a stream now. */
  readonly onQueue: (waiting: number) => void;
}

/** A connection of a pool (docs/states.md): waited for, being made, taking calls, or finishing those that it has. */
export type ConnectionState = 'backoff' | 'connecting' | 'ready' | 'draining';

/** Who waits for a connection, or for a stream on one. */
interface Waiter {
  resolve(client: Http2Client): void;
  reject(error: StatusError): void;
}

/** A call that waits for a stream; it leaves the queue at once when it is cancelled. */
interface WaitingCall extends Waiter, CancelListener {
  readonly cancellation: Cancellation;
}

/** How often the connections of a pool that was closed are looked at, in ms. */
const watchEveryMs = 250;

/**
 * HTTP/2 connection pool of one backend: dials on demand, up to `maxConnections`, and holds up to `maxQueue` calls
 * that wait for a stream in FIFO order.
 */
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
  /** The next one, of which there is one at a time. */
  #next: 'backoff' | 'connecting' | undefined;
  readonly #redials: ReconnectBackoff;
  /** Calls, in the order in which they came. */
  #waiters: WaitingCall[] = [];
  /** Those that want to know that there is a connection, and open no stream. */
  #connecting: Waiter[] = [];
  /** serve() runs at the end of this turn of the microtask queue. */
  #serving = false;
  #closed = false;
  /** Looks for hung connections once nobody else does. */
  #watching: NodeJS.Timeout | undefined;

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

  /** Each of its connections, those that take calls first. */
  get states(): readonly ConnectionState[] {
    const ready = this.#clients.map((): ConnectionState => 'ready');
    const draining = Array.from(this.#leaving, (): ConnectionState => 'draining');
    return [...ready, ...draining, ...(this.#next === undefined ? [] : [this.#next])];
  }

  /** Streams that the backend allows on as many connections as may be made; unlimited while none has told. */
  get streamLimit(): number {
    const each = this.#clients.reduce(
      (least, { maxConcurrentStreams }) => Math.min(least, maxConcurrentStreams),
      Number.POSITIVE_INFINITY,
    );
    return each * this.#options.maxConnections;
  }

  /** A connection with room for a stream, to be opened at once; undefined when the call has to wait() for one. */
  acquire(): Http2Client | undefined {
    // those that wait were here before
    return this.#waiters.length === 0 ? this.#free() : undefined;
  }

  /**
   * Waits until there is room for a stream.
   * @param open opens the stream before it returns: the next one in the queue gets what the count of open streams
   *   then leaves
   * @returns what `open` gives. Rejects with the reason when the call is cancelled, else with UNAVAILABLE, surely not
   *   started.
   */
  wait<T>(cancellation: Cancellation, open: (client: Http2Client) => Promise<T>): Promise<T> {
    if (cancellation.reason !== undefined) return Promise.reject(cancellation.reason);
    if (this.#closed) return Promise.reject(this.#unavailable('the gateway is stopping'));
    if (this.#waiters.length >= this.#options.maxQueue) {
      this.#events.onLimit('queue');
      const { name } = this.#address;
      const text = `backend ${name}: ${this.#options.maxQueue} calls wait for it already`;
      return Promise.reject(new BackendQueueFull(text, name));
    }
    return new Promise((resolve, reject) => {
      const waiter: WaitingCall = {
        cancellation,
        resolve(client) {
          try {
            resolve(open(client));
          } catch (reason) {
            reject(StatusError.from(reason));
          }
        },
        reject,
        onCancelled: (reason) => {
          const at = this.#waiters.indexOf(waiter);
          if (at !== -1) this.#waiters.splice(at, 1);
          this.#events.onQueue(this.#waiters.length);
          reject(reason);
        },
      };
      cancellation.listen(waiter);
      this.#waiters.push(waiter);
      this.#events.onQueue(this.#waiters.length);
      this.#serveSoon();
    });
  }

  /**
   * Makes sure that there is a connection that takes calls, with room for one or without.
   * @throws StatusError UNAVAILABLE
   */
  async connect(): Promise<void> {
    if (this.#clients.length > 0) return;
    if (this.#closed) throw this.#unavailable('the gateway is stopping');
    await new Promise((resolve, reject) => {
      this.#connecting.push({ resolve, reject });
      this.#grow();
    });
  }

  /** Looks for connections that give no sign of life; called every so often until close(). */
  watch(): void {
    for (const client of [...this.#clients, ...this.#leaving]) {
      const socket = this.#sockets.get(client);
      if (socket === undefined || !this.#hangs.isHung(client, socket)) continue;
      const text = `no sign of life for ${2 * this.#options.hungAfterMs} ms`;
      client.destroy(new Error(text));
    }
  }

  /**
   * @param graceful calls under way may end; a connection that gives no sign of life is cut by the pool itself from
   *   now on
   */
  close(graceful: boolean): void {
    this.#closed = true;
    this.#redials.stop();
    if (this.#next === 'backoff') this.#next = undefined;
    for (const client of [...this.#clients, ...this.#leaving]) {
      if (graceful) client.shutdown();
      else client.destroy();
    }
    this.#failWaiters(this.#unavailable('the gateway is stopping'));
    if (this.#sockets.size > 0)
      this.#watching ??= setInterval(
        guarded('backend', () => {
          this.watch();
        }),
        watchEveryMs,
      ).unref();
  }

  #unavailable(reason: string): StatusError {
    return new StatusError(Code.UNAVAILABLE, `backend ${this.#address.name}: ${reason}`, {
      where: this.#address.name,
      disposition: 'not-started',
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
    if (this.#next !== undefined || this.#closed || this.#clients.length >= this.#options.maxConnections)
      return;
    this.#next = 'backoff';
    this.#redials.next(() => {
      this.#dial();
    });
  }

  #dial(): void {
    if (this.#closed) {
      this.#next = undefined;
      return;
    }
    this.#next = 'connecting';
    dial(this.#address, this.#options, {
      onReady: (client, socket) => {
        this.#next = undefined;
        if (this.#closed) {
          client.destroy();
          return;
        }
        this.#clients.push(client);
        this.#sockets.set(client, socket);
        const connecting = this.#connecting;
        this.#connecting = [];
        for (const waiter of connecting) waiter.resolve(client);
        this.#serveSoon();
      },
      onFailed: (reason) => {
        this.#next = undefined;
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
        this.#serveSoon();
      },
      onLimit: this.#events.onLimit,
    });
  }

  /**
   * It takes no more calls. The next one is made now, so that no call waits for it, or so that its failure is known.
   */
  #leave(client: Http2Client): void {
    if (!this.#remove(client)) return;
    this.#leaving.add(client);
    this.#redials.ended(client.opened > 0);
    this.#failUnused(client, 'takes no calls');
    if (this.#free() === undefined) this.#grow();
    this.#serveSoon();
  }

  #gone(client: Http2Client, error: Error | undefined): void {
    const left = this.#leaving.delete(client);
    if (!left) {
      this.#remove(client);
      this.#redials.ended(client.opened > 0);
    }
    this.#sockets.delete(client);
    this.#hangs.forget(client);
    if (this.#closed) {
      if (this.#sockets.size === 0) clearInterval(this.#watching);
      return;
    }
    const reason = error?.message ?? 'the connection was closed';
    if (!left) this.#failUnused(client, reason);
    if (!left || error !== undefined) this.#events.onLost(this.#unavailable(reason));
    this.#serveSoon();
  }

  /** Fails the waiting calls when the only connection has closed before it opened a stream: a retry may help. */
  #failUnused(client: Http2Client, reason: string): void {
    if (client.opened === 0 && this.#clients.length === 0) this.#failWaiters(this.#unavailable(reason));
  }

  #remove(client: Http2Client): boolean {
    const before = this.#clients.length;
    this.#clients = this.#clients.filter((other) => other !== client);
    return this.#clients.length < before;
  }

  /**
   * Serves those that wait at the end of this turn: who opens a stream is not called from within a connection that is
   * reading or writing, and a GOAWAY in the same packet has been read by then.
   */
  #serveSoon(): void {
    if (this.#serving || this.#waiters.length === 0) return;
    this.#serving = true;
    queueMicrotask(this.#serve);
  }

  readonly #serve = guarded('backend', () => {
    this.#serving = false;
    while (this.#waiters.length > 0) {
      const free = this.#free();
      if (free === undefined) {
        this.#grow();
        return;
      }
      const waiter = this.#waiters.shift();
      this.#events.onQueue(this.#waiters.length);
      waiter?.cancellation.unlisten(waiter);
      waiter?.resolve(free);
    }
  });

  #failWaiters(error: StatusError): void {
    const waiters = this.#waiters;
    const connecting = this.#connecting;
    this.#waiters = [];
    this.#connecting = [];
    this.#events.onQueue(0);
    for (const waiter of waiters) {
      waiter.cancellation.unlisten(waiter);
      waiter.reject(error);
    }
    for (const waiter of connecting) waiter.reject(error);
  }
}
