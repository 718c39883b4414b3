/** What is known of models right now: the fleets say it, filters and doors read it. */
import type { ModelRef } from '../call/index.ts';
import type { V2ModelIndex } from '../codec/index.ts';

/** tensorflow.serving.ModelVersionStatus.State by name. */
export type VersionStateName = 'START' | 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END' | 'UNKNOWN';

/** One version of a model at one moment. */
export interface VersionState {
  readonly version: bigint;
  readonly state: VersionStateName;
  /** A tensorflow.error.Code; 0 is OK. */
  readonly errorCode: number;
  /** Why loading failed; empty on success. */
  readonly errorMessage: string;
}

/** One model as the whole fleet sees it. */
export interface ModelState {
  /** The model server's own; in lists for clients the one that they ask for. */
  readonly name: string;
  readonly versions: readonly VersionState[];
  /** Backends that serve it, and how many of them are healthy for it. */
  readonly backends: number;
  readonly available: number;
}

export interface ModelView {
  /** The version that a call without one would run: the highest AVAILABLE; undefined when unknown. */
  defaultVersion(model: ModelRef): bigint | undefined;
  /** Changes whenever that version was (re)loaded anywhere in the fleet: part of cache keys. */
  incarnation(model: ModelRef, version: bigint): string;
  /** True when the configuration or a healthy backend knows the model: others never make metric series. */
  knows(model: ModelRef): boolean;
  /** Undefined when no backend has it and no configuration names it. */
  state(model: ModelRef): ModelState | undefined;
  /**
   * The names that clients ask for it by: its own, or public ones where that leads to another; none for what only a
   * part of a split leads to.
   */
  asked(model: ModelRef): readonly string[];
  /** By the names that clients ask for. */
  models(): readonly ModelState[];
  /**
   * What V2's repository index says, by the same names: the union of what the servers list, and of what is known
   * otherwise.
   */
  index(): readonly V2ModelIndex[];
}

/** The names behind ModelVersionStatus.State numbers (get_model_status.proto). */
const stateNames: ReadonlyMap<number, VersionStateName> = new Map([
  [0, 'UNKNOWN'],
  [10, 'START'],
  [20, 'LOADING'],
  [30, 'AVAILABLE'],
  [40, 'UNLOADING'],
  [50, 'END'],
]);

/** The name of a state number; one that the proto does not have is UNKNOWN. */
export function stateName(state: number): VersionStateName {
  return stateNames.get(state) ?? 'UNKNOWN';
}

/** The number of a state's name. */
export function stateNumber(name: VersionStateName): number {
  for (const [number, known] of stateNames) if (known === name) return number;
  return 0;
}
