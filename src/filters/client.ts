/** Who a call is from, where clients have shares of something. */
import { addressOf, networkOf } from '../base/addresses.ts';
import type { Call } from '../call/index.ts';

/** Clients share by address first, and those of one address by connection. */
export interface Client {
  readonly address: string;
  readonly connection: string;
}

export type ClientOf = (call: Pick<Call, 'peer'>) => Client;

/**
 * @param isTrusted for addresses of proxies, behind which there are many clients: there each connection is one of its
 *   own
 */
export function createClientOf(isTrusted: (address: string) => boolean): ClientOf {
  return ({ peer }) => {
    const address = addressOf(peer);
    return { address: isTrusted(address) ? peer : networkOf(address), connection: peer };
  };
}
