/**
 * Notices that the peer of a socket has gone while nothing is read from it. A paused socket sees neither FIN nor RST:
 * libuv watches it for nothing, and Node has no EPOLLRDHUP, by which Envoy and nginx notice it. The kernel's table of
 * TCP connections tells the same.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { endianness } from 'node:os';
import { v4Bytes, v6Bytes } from '../../base/addresses.ts';

/** How often is looked, in ms: it takes three looks (paused, gone, surely gone) and has to be done within a second. */
export const lookEveryMs = 200;

/** Gives the text of the kernel's table of that name; rejects where there is none (no Linux, no /proc). */
export type ReadTable = (name: 'tcp' | 'tcp6') => Promise<string>;

const readTable: ReadTable = (name) => readFile(`/proc/self/net/${name}`, 'latin1');

/** States of a connection that the peer has ended: CLOSE_WAIT, LAST_ACK, CLOSING (include/net/tcp_states.h). */
const endedStates: ReadonlySet<string> = new Set(['08', '09', '0B']);

/** What of a socket is asked here; TLS sockets have the same. */
export type PausedSocket = Pick<
  Socket,
  | 'bytesRead'
  | 'destroyed'
  | 'localAddress'
  | 'localPort'
  | 'remoteAddress'
  | 'remotePort'
  | 'destroy'
  | 'isPaused'
>;

interface Pause {
  readonly bytesRead: number;
  /** As the table has them. */
  readonly endpoints: string;
  /**
   * Its row was missing at the look before: the kernel writes the table in parts, and a row may be passed over once.
   */
  missed: boolean;
}

/**
 * Destroys paused sockets whose peer has closed or reset the connection, by the states in /proc/self/net/tcp and
 * tcp6; without these tables it destroys none.
 */
export class GonePeers {
  readonly #read: ReadTable;
  readonly #pauses = new Map<PausedSocket, Pause>();
  #looking = false;

  constructor(read: ReadTable = readTable) {
    this.#read = read;
  }

  /**
   * Destroys those whose peer has gone; to be called every `lookEveryMs`. Flow control pauses sockets for a moment
   * all the time: the table is read only for those that have read nothing since the last look.
   */
  async look(sockets: Iterable<PausedSocket>): Promise<void> {
    if (this.#looking) return;
    const asked = this.#stalled(sockets);
    if (asked.size === 0) return;
    this.#looking = true;
    try {
      for (const name of ['tcp', 'tcp6'] as const) {
        const some = new Map([...asked].filter(([key]) => key.length > v4Length === (name === 'tcp6')));
        if (some.size === 0) continue;
        // where there is no such table, time limits end what waits
        const table = await this.#read(name).catch(() => undefined);
        if (table !== undefined) this.#judge(some, statesIn(table, some));
      }
    } finally {
      this.#looking = false;
    }
  }

  /** Those that were paused at the last look too, and have read nothing since; by their endpoints. */
  #stalled(sockets: Iterable<PausedSocket>): Map<string, PausedSocket> {
    const before = new Map(this.#pauses);
    this.#pauses.clear();
    const found = new Map<string, PausedSocket>();
    for (const socket of sockets) {
      if (!socket.isPaused() || socket.destroyed) continue;
      const known = before.get(socket);
      if (known?.bytesRead === socket.bytesRead) {
        this.#pauses.set(socket, known);
        found.set(known.endpoints, socket);
        continue;
      }
      const endpoints = endpointsOf(socket);
      if (endpoints !== undefined)
        this.#pauses.set(socket, { bytesRead: socket.bytesRead, endpoints, missed: false });
    }
    return found;
  }

  #judge(asked: ReadonlyMap<string, PausedSocket>, states: ReadonlyMap<string, string>): void {
    for (const [endpoints, socket] of asked) {
      const pause = this.#pauses.get(socket);
      // it may have gone on while the table was read
      if (pause === undefined || !socket.isPaused() || socket.bytesRead !== pause.bytesRead) continue;
      const state = states.get(endpoints);
      // after a reset there is no row
      const gone = state === undefined ? pause.missed : endedStates.has(state);
      pause.missed = state === undefined;
      if (gone) socket.destroy();
    }
  }
}

/** Characters of "ADDRESS:PORT ADDRESS:PORT" in the table for IPv4, and of one address with its port. */
const v4Length = 27;

function endpointsOf({
  localAddress,
  localPort,
  remoteAddress,
  remotePort,
}: PausedSocket): string | undefined {
  if (localAddress === undefined || remoteAddress === undefined) return undefined;
  return `${endpoint(localAddress, localPort ?? 0)} ${endpoint(remoteAddress, remotePort ?? 0)}`;
}

const endpoint = (address: string, port: number): string =>
  `${tableAddress(address)}:${port.toString(16).padStart(4, '0').toUpperCase()}`;

/** An address as the table writes it: the bytes on the wire, taken as 32-bit words in the machine's own order. */
export function tableAddress(address: string, order = endianness()): string {
  const bytes = address.includes(':') ? v6Bytes(address) : v4Bytes(address);
  let text = '';
  for (let word = 0; word < bytes.length; word += 4) {
    for (let i = 0; i < 4; i++)
      text += (bytes[word + (order === 'LE' ? 3 - i : i)] ?? 0).toString(16).padStart(2, '0');
  }
  return text.toUpperCase();
}

/**
 * The states of the connections that are asked for, as far as they are in the table. One pass, and no more text than
 * is looked up.
 */
export function statesIn(table: string, asked: ReadonlyMap<string, unknown>): Map<string, string> {
  const states = new Map<string, string>();
  const [{ length } = ''] = asked.keys();
  // behind the line with the names
  for (let line = table.indexOf('\n') + 1; line > 0; line = table.indexOf('\n', line) + 1) {
    const at = table.indexOf(': ', line) + 2;
    if (at === 1) break;
    const endpoints = table.slice(at, at + length);
    if (asked.has(endpoints)) states.set(endpoints, table.slice(at + length + 1, at + length + 3));
  }
  return states;
}
