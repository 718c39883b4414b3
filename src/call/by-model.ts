/** Values by model. Models of one name in two fleets are two models: nothing may be kept by name alone. */

/** A model behind the doors: the model server's own name for it, and the fleet that serves it. */
export interface ModelRef {
  /** Absent: the default fleet. */
  readonly fleet?: string | undefined;
  readonly model: string;
}

/** Those of the default fleet stand by name in one map, so that a gateway with one fleet looks up no more than that. */
export class ByModel<T> {
  readonly #ofDefault = new Map<string, T>();
  /** Of other fleets, whose models the configuration names: these are few. */
  readonly #ofOthers = new Map<string, Map<string, T>>();

  constructor(entries: Iterable<readonly [ModelRef, T]> = []) {
    for (const [ref, value] of entries) this.set(ref, value);
  }

  get size(): number {
    let size = this.#ofDefault.size;
    if (this.#ofOthers.size > 0) for (const models of this.#ofOthers.values()) size += models.size;
    return size;
  }

  get({ fleet, model }: ModelRef): T | undefined {
    return fleet === undefined ? this.#ofDefault.get(model) : this.#ofOthers.get(fleet)?.get(model);
  }

  has({ fleet, model }: ModelRef): boolean {
    return fleet === undefined ? this.#ofDefault.has(model) : this.#ofOthers.get(fleet)?.has(model) === true;
  }

  set({ fleet, model }: ModelRef, value: T): void {
    if (fleet === undefined) {
      this.#ofDefault.set(model, value);
      return;
    }
    let models = this.#ofOthers.get(fleet);
    if (models === undefined) this.#ofOthers.set(fleet, (models = new Map<string, T>()));
    models.set(model, value);
  }

  delete({ fleet, model }: ModelRef): void {
    if (fleet === undefined) {
      this.#ofDefault.delete(model);
      return;
    }
    const models = this.#ofOthers.get(fleet);
    if (models?.delete(model) === true && models.size === 0) this.#ofOthers.delete(fleet);
  }

  /** The default fleet's first, each fleet's in the order in which they were set. */
  *entries(): Generator<readonly [ModelRef, T], undefined, undefined> {
    for (const [model, value] of this.#ofDefault) yield [{ model }, value];
    for (const [fleet, models] of this.#ofOthers)
      for (const [model, value] of models) yield [{ fleet, model }, value];
  }
}

/** Whether both are the same model. */
export function isSameModel(one: ModelRef, other: ModelRef): boolean {
  return one.model === other.model && one.fleet === other.fleet;
}
