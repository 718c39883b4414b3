/** What V2's repository index and everybody else call the states of a model's version. */
import type { V2ModelIndex } from '../codec/index.ts';
import { VersionNames } from './version-names.ts';
import type { VersionState, VersionStateName } from './view.ts';

const listed: Readonly<Record<VersionStateName, string>> = {
  AVAILABLE: 'READY',
  START: 'LOADING',
  LOADING: 'LOADING',
  UNLOADING: 'UNLOADING',
  END: 'UNAVAILABLE',
  UNKNOWN: 'UNKNOWN',
};
/** Triton's four states (ModelReadyState); what else a server says is UNKNOWN. */
const named: ReadonlyMap<string, VersionStateName> = new Map([
  ['READY', 'AVAILABLE'],
  ['LOADING', 'LOADING'],
  ['UNLOADING', 'UNLOADING'],
  ['UNAVAILABLE', 'END'],
]);

const names = new VersionNames();

/** The entry for a version. */
export function listedVersion(
  name: string,
  { version, state, errorMessage: reason }: VersionState,
): V2ModelIndex {
  return { name, version: String(version), state: listed[state], reason };
}

/** The version of an entry; undefined for a model that is in the repository and nowhere else. */
export function versionOf({ version, state, reason }: V2ModelIndex): VersionState | undefined {
  if (version === '' && state === '') return undefined;
  return {
    version: names.numberOf(version),
    state: named.get(state) ?? 'UNKNOWN',
    errorCode: 0,
    errorMessage: reason,
  };
}
