/** Keeps calls in the gateway's own zone while the backends there are not much busier than the others. */
import { outstandingOf } from './p2c.ts';
import type { Candidate, Policy } from './picker.ts';

const isNear = ({ zone: own, forZones }: Candidate, zone: string): boolean =>
  forZones === undefined ? own === zone : forZones.includes(zone);

/**
 * A policy that chooses among near candidates and among far ones, and goes far only when the near choice has more than
 * `spillFactor` times the outstanding work: a zone with few backends is not drowned, and a quiet one keeps its calls.
 */
export const preferZone =
  (zone: string, spillFactor: number, policy: Policy): Policy =>
  (candidates) => {
    const near = candidates.filter((candidate) => isNear(candidate, zone));
    const far = candidates.filter((candidate) => !isNear(candidate, zone));
    if (near.length === 0 || far.length === 0) return policy(candidates);
    const nearPicker = policy(near);
    const farPicker = policy(far);
    return {
      pick(request) {
        const a = nearPicker.pick(request);
        const b = farPicker.pick(request);
        if (a === undefined || b === undefined) return a ?? b;
        return outstandingOf(a) <= spillFactor * outstandingOf(b) ? a : b;
      },
    };
  };
