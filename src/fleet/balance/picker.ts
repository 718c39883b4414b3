/** The one interface of every balancing policy: a picker is made when health changes, and only read on a call. */

/** What picking sees of a backend for one model. Numbers that move with each call are read where they are kept. */
export interface Candidate {
  /** The backend's name. */
  readonly name: string;
  /** Where it stands; empty when nobody said. */
  readonly zone: string;
  /** Zones whose calls it is meant for, in the place of its own. */
  readonly forZones?: readonly string[] | undefined;
  /** Calls that the backend has been sent and has not answered, whatever their model. */
  readonly outstanding: number;
  /** What it can carry compared with others: configured, reported, and lowered while it fails. Above 0. */
  readonly weight: number;
  /** The share of its turns that it takes: below 1 while it starts slowly. Above 0. */
  readonly ramp: number;
  /** How long it takes with this model of late, peaks remembered, in ms; 0 while unknown. */
  readonly latencyMs: number;
}

/** What a call may ask of the choice. */
export interface PickRequest {
  /** Evenly spread over 0 (included) to 1. */
  readonly random: () => number;
  /** Names that are taken only when there is no other. */
  readonly avoid?: readonly string[] | undefined;
  /** Calls with the same number go to the same candidate, for policies that hash. */
  readonly hash?: number | undefined;
}

export interface Picker<C extends Candidate> {
  /** One of the candidates; undefined only when there is none. */
  pick(request: PickRequest): C | undefined;
}

/** A way to choose: makes a picker for candidates that do not change any more. */
export type Policy = <C extends Candidate>(candidates: readonly C[]) => Picker<C>;

/** Turns that candidates may pass up for one call. */
const maxPasses = 4;

/**
 * What all policies have in common. Names to avoid belong to second attempts, so a picker for the others is made when
 * it is needed. A candidate that starts slowly passes up some of its turns, whatever the policy: comparing by a lower
 * weight would give it nothing at all on a quiet fleet. Calls that hash stay where they belong.
 */
export function pickerOf<C extends Candidate>(policy: Policy, candidates: readonly C[]): Picker<C> {
  const [only] = candidates;
  const all = candidates.length > 1 ? policy(candidates) : { pick: () => only };
  return {
    pick(request) {
      const { avoid, random, hash } = request;
      if (avoid === undefined || avoid.length === 0) {
        let picked = all.pick(request);
        for (let i = 0; i < maxPasses && picked !== undefined && picked.ramp < 1 && hash === undefined; i++) {
          if (random() < picked.ramp) break;
          picked = all.pick(request);
        }
        return picked;
      }
      const others = candidates.filter(({ name }) => !avoid.includes(name));
      return others.length === 0 ? all.pick(request) : policy(others).pick(request);
    },
  };
}
