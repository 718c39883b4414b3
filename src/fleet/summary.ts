/** What a fleet says of itself in words and lists. */
import type { Target } from '../call/index.ts';
import type { VersionState, VersionStateName } from '../models/index.ts';
import type { Backend } from './backend.ts';

/** The better of two states of one version: what the fleet can do is what its best backend can. */
const rank: Readonly<Record<VersionStateName, number>> = {
  AVAILABLE: 5,
  LOADING: 4,
  START: 3,
  UNLOADING: 2,
  END: 1,
  UNKNOWN: 0,
};

/** One entry for each version, newest first, in the best state that any backend has it in. */
export function mergeVersions(states: readonly VersionState[]): VersionState[] {
  const best = new Map<bigint, VersionState>();
  for (const state of states) {
    const other = best.get(state.version);
    if (other === undefined || rank[state.state] > rank[other.state]) best.set(state.version, state);
  }
  return [...best.values()].sort((a, b) => (a.version < b.version ? 1 : -1));
}

/** Backends, and versions of each, that are named one by one in an error; the rest is counted. */
const maxNamed = 5;

function stateOf(backend: Backend, target: Target | undefined): string {
  if (!backend.health.isHealthy) return backend.health.reason;
  if (backend.drained) return `backend ${backend.name}: drained`;
  const versions = target === undefined ? undefined : backend.health.versions(target.model);
  if (versions === undefined) return `backend ${backend.name}: does not have the model`;
  const named = versions.slice(0, maxNamed).map(({ version, state }) => `version ${version} is ${state}`);
  const more = versions.length > maxNamed ? `, and ${versions.length - maxNamed} more` : '';
  const states = `${named.join(', ')}${more}`;
  return `backend ${backend.name}: ${states === '' ? 'no version' : states}`;
}

/** Why a call cannot be answered, fit for the client. */
export function whyNobody(fleet: string, target: Target | undefined, backends: readonly Backend[]): string {
  const model =
    target === undefined
      ? ''
      : ` for model ${target.model}${target.version === undefined ? '' : ` version ${target.version}`}`;
  if (backends.length === 0) return `fleet ${fleet} has no backends${model}`;
  const reasons = backends.slice(0, maxNamed).map((backend) => stateOf(backend, target));
  const more = backends.length > maxNamed ? `; and ${backends.length - maxNamed} more` : '';
  return `no backend of fleet ${fleet} can answer${model}: ${reasons.join('; ')}${more}`;
}
