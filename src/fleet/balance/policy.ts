/** Which policy a fleet uses, from its options. */
import type { BalanceOptions } from '../options.ts';
import { leastOutstanding, peakEwma } from './p2c.ts';
import type { Policy } from './picker.ts';
import { type Ring, ringHash } from './ring.ts';
import { roundRobin, weighted } from './round-robin.ts';
import { preferZone } from './zone.ts';

/** @param ring of all members, made when it is asked for */
export function policyOf(options: BalanceOptions, ring: () => Ring): Policy {
  const policy = baseOf(options, ring);
  return options.zone === '' ? policy : preferZone(options.zone, options.zoneSpillFactor, policy);
}

function baseOf(options: BalanceOptions, ring: () => Ring): Policy {
  switch (options.policy) {
    case 'least-outstanding':
      return leastOutstanding;
    case 'peak-ewma':
      return peakEwma;
    case 'round-robin':
      return roundRobin;
    case 'weighted':
      return weighted;
    case 'ring-hash':
      return ringHash(ring(), options.boundPercent);
  }
}
