/** Calls that are about servers: every backend is asked, and one answer is made of theirs. */
export { fleetWide } from './fleet-wide.ts';
export type { BackendAnswer, WideFleet, WideQuestion } from './fleet.ts';
