/** Which models a demo server holds, in which state each version is, and TF Serving's answers to who asks for what. */
import { Code, StatusError } from '../base/status.ts';
import { type ModelSpec, modelState, type ModelVersionStatus } from '../codec/index.ts';
import type { DemoModel, Signatures } from './model.ts';

interface HeldVersion {
  readonly version: bigint;
  readonly signatures: Signatures;
  state: number;
  error: StatusError | undefined;
  timers: NodeJS.Timeout[];
}

interface HeldModel {
  readonly kind: string;
  readonly versions: Map<bigint, HeldVersion>;
  readonly labels: Map<string, bigint>;
}

export interface LoadOptions {
  /** START for a tenth of it, then LOADING; 0 is AVAILABLE at once. */
  readonly loadingMs?: number;
  /** The load ends in END with this INTERNAL error instead of AVAILABLE. */
  readonly error?: string | undefined;
}

/** A version that a call may run. */
export interface Servable {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: Signatures;
}

/**
 * Models of a demo backend with the load state of each version; resolve() finds the version that a ModelSpec
 * means.
 */
export class Registry {
  #models = new Map<string, HeldModel>();
  /** TF Serving sets its labels up once the first models are there. */
  #labelsReady = false;

  /** Takes a model in and starts to load the versions asked for (all of them by default). */
  add(
    name: string,
    kind: string,
    model: DemoModel,
    options: LoadOptions & { versions?: readonly bigint[] },
  ): void {
    this.#models.set(name, { kind, versions: new Map(), labels: new Map(model.labels) });
    this.hold(name, model, options.versions ?? [...model.versions.keys()], options);
  }

  /** Loads these versions of a model that is held, and those that it does not have yet. */
  hold(name: string, model: DemoModel, versions: readonly bigint[], options: LoadOptions): void {
    const held = this.#models.get(name);
    for (const version of versions) {
      const signatures = model.versions.get(version);
      if (held === undefined || signatures === undefined) continue;
      if (!held.versions.has(version)) {
        held.versions.set(version, {
          version,
          signatures,
          state: modelState.START,
          error: undefined,
          timers: [],
        });
      }
      this.load(name, version, options);
    }
  }

  names(): readonly string[] {
    return [...this.#models.keys()];
  }

  kindOf(name: string): string | undefined {
    return this.#models.get(name)?.kind;
  }

  labelsOf(name: string): ReadonlyMap<string, bigint> {
    return this.#models.get(name)?.labels ?? new Map<string, bigint>();
  }

  setLabels(name: string, labels: ReadonlyMap<string, bigint>): void {
    const model = this.#models.get(name);
    if (model === undefined) return;
    model.labels.clear();
    for (const [label, version] of labels) model.labels.set(label, version);
  }

  /** @throws StatusError NOT_FOUND for a version that the model does not have. */
  load(name: string, version: bigint, options: LoadOptions = {}): void {
    const held = this.#held(name, version);
    if (held.state === modelState.AVAILABLE) return;
    stopTimers(held);
    const { loadingMs = 0, error } = options;
    held.error = undefined;
    held.state = modelState.START;
    const finish = (): void => {
      held.error =
        error === undefined ? undefined : new StatusError(Code.INTERNAL, error, { fromBackend: true });
      held.state = error === undefined ? modelState.AVAILABLE : modelState.END;
    };
    if (loadingMs <= 0) {
      finish();
      return;
    }
    held.timers = [
      setTimeout(() => (held.state = modelState.LOADING), loadingMs / 10),
      setTimeout(finish, loadingMs),
    ];
  }

  /** UNLOADING for the time given, then END; the version stays listed. */
  unload(name: string, version: bigint, unloadingMs = 0): void {
    const held = this.#held(name, version);
    stopTimers(held);
    held.error = undefined;
    held.state = unloadingMs > 0 ? modelState.UNLOADING : modelState.END;
    if (unloadingMs > 0) held.timers = [setTimeout(() => (held.state = modelState.END), unloadingMs)];
  }

  /** Unloads every version but these. */
  keepOnly(name: string, kept: readonly bigint[]): void {
    for (const version of this.#models.get(name)?.versions.keys() ?? []) {
      if (!kept.includes(version)) this.unload(name, version);
    }
  }

  isAvailable(name: string, version: bigint): boolean {
    return this.#models.get(name)?.versions.get(version)?.state === modelState.AVAILABLE;
  }

  /**
   * The version that a spec asks for, as TF Serving finds it.
   * @throws StatusError with TF Serving's code and text when there is none.
   */
  resolve(spec: ModelSpec | null | undefined): Servable {
    if (spec === undefined || spec === null)
      throw new StatusError(Code.INVALID_ARGUMENT, 'Missing ModelSpec');
    const { name } = spec;
    if (name === '') throw new StatusError(Code.INVALID_ARGUMENT, 'ModelSpec has no name specified.');
    const model = this.#models.get(name);
    let { version } = spec;
    if (spec.label !== undefined) {
      if (!this.#labelsSetUp()) {
        throw new StatusError(Code.UNAVAILABLE, `Model labels does not init yet.${spec.label}`);
      }
      version = model?.labels.get(spec.label);
      if (version === undefined) {
        throw new StatusError(Code.INVALID_ARGUMENT, `Unrecognized servable version label: ${spec.label}`);
      }
    }
    const held = version === undefined ? latestOf(model) : model?.versions.get(version);
    if (held === undefined || held.state !== modelState.AVAILABLE) {
      const asked = version === undefined ? `Latest(${name})` : `Specific(${name}, ${version})`;
      throw new StatusError(Code.NOT_FOUND, `Servable not found for request: ${asked}`);
    }
    return { name, version: held.version, signatures: held.signatures };
  }

  /** GetModelStatus: highest version first; a label in the spec is ignored, as TF Serving does. */
  status(spec: ModelSpec | undefined): ModelVersionStatus[] {
    if (spec === undefined) throw new StatusError(Code.INVALID_ARGUMENT, 'Missing ModelSpec');
    const { name, version } = spec;
    const versions = this.#models.get(name)?.versions ?? new Map<bigint, HeldVersion>();
    const wanted = [...versions.values()].filter((held) => version === undefined || held.version === version);
    if (wanted.length === 0) {
      throw new StatusError(
        Code.NOT_FOUND,
        version === undefined
          ? `Could not find any versions of model ${name}`
          : `Could not find version ${version} of model ${name}`,
      );
    }
    return wanted
      .sort((a, b) => (a.version > b.version ? -1 : 1))
      .map((held) => ({
        version: held.version,
        state: held.state,
        errorCode: held.error?.code ?? 0,
        errorMessage: held.error?.message ?? '',
      }));
  }

  stop(): void {
    for (const model of this.#models.values()) for (const held of model.versions.values()) stopTimers(held);
  }

  #labelsSetUp(): boolean {
    this.#labelsReady ||= [...this.#models.values()].every((model) =>
      [...model.versions.values()].every(
        ({ state }) => state !== modelState.START && state !== modelState.LOADING,
      ),
    );
    return this.#labelsReady;
  }

  #held(name: string, version: bigint): HeldVersion {
    const held = this.#models.get(name)?.versions.get(version);
    if (held === undefined) {
      throw new StatusError(Code.NOT_FOUND, `Could not find version ${version} of model ${name}`);
    }
    return held;
  }
}

function latestOf(model: HeldModel | undefined): HeldVersion | undefined {
  let latest: HeldVersion | undefined;
  for (const held of model?.versions.values() ?? []) {
    if (held.state !== modelState.AVAILABLE) continue;
    if (latest === undefined || held.version > latest.version) latest = held;
  }
  return latest;
}

function stopTimers(held: HeldVersion): void {
  for (const timer of held.timers) clearTimeout(timer);
  held.timers = [];
}
