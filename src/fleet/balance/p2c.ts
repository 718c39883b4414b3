/** Power of two choices (Mitzenmacher 2001): two at random, and of these the better; with two ideas of better. */
import type { Candidate, Policy } from './picker.ts';

/** The work that a call would wait behind, with what the candidate is worth. */
export const outstandingOf = ({ outstanding, weight }: Candidate): number => (outstanding + 1) / weight;

/** The same in time: how long that work takes there. */
const peakTimeOf = (candidate: Candidate): number => outstandingOf(candidate) * candidate.latencyMs;

function twoChoices(better: (a: Candidate, b: Candidate) => boolean): Policy {
  return (candidates) => {
    const { length } = candidates;
    return {
      pick({ random }) {
        if (length <= 1) return candidates[0];
        const first = Math.floor(random() * length);
        // evenly one of the others
        const second = (first + 1 + Math.floor(random() * (length - 1))) % length;
        const a = candidates[first] as (typeof candidates)[number];
        const b = candidates[second] as (typeof candidates)[number];
        return better(b, a) ? b : a;
      },
    };
  };
}

/** A backend of the same kind is never so many times slower for long, unless something is wrong with it. */
const muchSlower = 4;

/**
 * The one with less outstanding work; of two that are alike, not one that is much slower of late. A quiet fleet has
 * nothing outstanding, and without that its slow backend would get its full share.
 */
export const leastOutstanding: Policy = twoChoices((a, b) => {
  const [workA, workB] = [outstandingOf(a), outstandingOf(b)];
  return workA < workB || (workA === workB && a.latencyMs * muchSlower < b.latencyMs);
});

/** The one that will be through with its outstanding work sooner, by the latencies of late (Finagle's peak EWMA). */
export const peakEwma: Policy = twoChoices((a, b) =>
  a.latencyMs > 0 && b.latencyMs > 0 ? peakTimeOf(a) < peakTimeOf(b) : outstandingOf(a) < outstandingOf(b),
);
