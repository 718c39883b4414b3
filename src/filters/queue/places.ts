/**
 * Places at backends, by the client that holds them: of calls that had to wait. Those that found room are counted by
 * nobody.
 */
import type { Client } from '../client.ts';
import type { HeldPlaces } from './fair-line.ts';

/** Counts the places that are held, by client address and by connection. */
export class Places implements HeldPlaces {
  readonly #addresses = new Map<string, number>();
  readonly #connections = new Map<string, number>();

  take({ address, connection }: Client): void {
    change(this.#addresses, address, 1);
    change(this.#connections, connection, 1);
  }

  giveBack({ address, connection }: Client): void {
    change(this.#addresses, address, -1);
    change(this.#connections, connection, -1);
  }

  ofAddress(address: string): number {
    return this.#addresses.get(address) ?? 0;
  }

  ofConnection(connection: string): number {
    return this.#connections.get(connection) ?? 0;
  }
}

function change(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
