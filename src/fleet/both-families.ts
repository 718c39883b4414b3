/** Where to connect to a server that may have addresses in two families: to the one that answers first (RFC 8305). */
import type { LookupFunction } from 'node:net';
import type { BackendAddress } from './backend-address.ts';

/** What net.connect() is told, and all that is made of it. */
export interface Where {
  readonly host: string;
  readonly lookup?: LookupFunction;
  readonly autoSelectFamily?: true;
}

export const whereOf = ({ host, alternates }: Pick<BackendAddress, 'host' | 'alternates'>): Where => {
  if (alternates === undefined || alternates.length === 0) return { host };
  const all = [host, ...alternates].map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const lookup: LookupFunction = (_name, { all: wantsAll }, done) => {
    // as if a resolver had answered
    process.nextTick(() => {
      if (wantsAll === true) done(null, all);
      else done(null, host, host.includes(':') ? 6 : 4);
    });
  };
  // an address would not be looked up
  return { host: 'server.invalid', lookup, autoSelectFamily: true };
};
