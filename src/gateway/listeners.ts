/** The gateway's listeners: opened in order, given the options of each configuration, drained and closed. */
import type { AddressInfo } from 'node:net';
import type { Observer } from '../call/index.ts';
import { checkCertificates, listen, type Listener, type ListenOptions, notAfterOf } from '../front/index.ts';
import type { MemoryAccount } from '../memory/index.ts';
import type { GatewayOptions } from './options.ts';

type Handlers = Parameters<typeof listen>[1];

/** In the order in which they are opened; labels of the metrics too. */
const names = ['rest', 'grpc', 'admin'] as const;
type Name = (typeof names)[number];

export interface Addresses {
  readonly rest: AddressInfo;
  readonly grpc: AddressInfo;
  /** Absent: no admin listener. */
  readonly admin?: AddressInfo;
}

export interface ListenersDeps {
  readonly observer: Observer;
  readonly memory: MemoryAccount;
  /** Told until when a listener's certificate is good, in seconds since 1970; undefined: it has none. */
  readonly onCertificate: (name: string, notAfter: number | undefined) => void;
}

/** Every listener speaks every protocol, so that a client at the wrong port gets an answer it can read. */
export class Listeners {
  readonly #deps: ListenersDeps;
  readonly #open = new Map<Name, Listener>();

  constructor(deps: ListenersDeps) {
    this.#deps = deps;
  }

  /** @throws Error when a certificate of these options does not work; nothing has changed */
  static check({ doors }: GatewayOptions): void {
    for (const name of names) {
      const tls = doors[name]?.tls;
      if (tls !== undefined) checkCertificates(tls);
    }
  }

  /**
   * @throws Error of the operating system (EADDRINUSE, EACCES ...), or of a certificate; close() then closes those that
   *   are open
   */
  async open({ doors }: GatewayOptions, clients: Handlers, operators: Handlers): Promise<void> {
    const { observer, memory } = this.#deps;
    for (const name of names) {
      const options: ListenOptions | undefined = doors[name];
      if (options === undefined) continue;
      const handlers = name === 'admin' ? operators : clients;
      this.#open.set(name, await listen(options, handlers, observer, memory));
    }
    // the certificates work: their listeners are open
    this.#tellCertificates(doors);
  }

  /** @throws Error before they are open */
  get addresses(): Addresses {
    const [rest, grpc] = [this.#open.get('rest'), this.#open.get('grpc')];
    if (rest === undefined || grpc === undefined) throw new Error('the gateway does not listen yet');
    const admin = this.#open.get('admin');
    return {
      rest: rest.address,
      grpc: grpc.address,
      ...(admin === undefined ? {} : { admin: admin.address }),
    };
  }

  /** Gives open listeners the options of another configuration; which addresses there are does not change. */
  configure({ doors, shutdown }: GatewayOptions): void {
    this.#tellCertificates(doors);
    for (const [name, listener] of this.#open) {
      const options = doors[name];
      if (options !== undefined) listener.configure(options, shutdown.drainMs);
    }
  }

  /** Tells clients, but no operators, that this end goes away: HTTP/2 GOAWAY, HTTP/1.1 `connection: close`. */
  announceEnd(): void {
    for (const listener of this.#clients()) listener.announceEnd();
  }

  /** Takes no more calls; resolves when the last one of a client has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#clients().map((listener) => listener.drain()));
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((listener) => listener.stop()));
  }

  #clients(): Listener[] {
    return [...this.#open].filter(([name]) => name !== 'admin').map(([, listener]) => listener);
  }

  #tellCertificates(doors: GatewayOptions['doors']): void {
    for (const name of names) {
      const tls = doors[name]?.tls;
      this.#deps.onCertificate(name, tls === undefined ? undefined : notAfterOf(tls));
    }
  }
}
