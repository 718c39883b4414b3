/** All backends of a fleet together: what each of them answers to one question. */
import type { Clock } from '../base/clock.ts';
import { detach } from '../base/faults.ts';
import { Code, StatusError } from '../base/status.ts';
import type { BackendAnswer, WideFleet, WideQuestion } from '../bridge/index.ts';
import { askEach } from './ask-each.ts';
import type { BackendSet } from './backend-set.ts';
import type { Backend } from './backend.ts';
import { staying } from './balance/routing.ts';
import type { WatchedModels } from './health/watched-models.ts';
import type { FleetOptions } from './options.ts';
import type { BackendSelector } from './routing/backend-selector.ts';
import { havingModel } from './states.ts';
import { whyNobody } from './summary.ts';

export interface EveryoneDeps {
  readonly clock: Clock;
  readonly options: () => FleetOptions;
  readonly members: Pick<BackendSet, 'list'>;
  readonly watched: Pick<WatchedModels, 'has' | 'names'>;
  readonly selector: Pick<BackendSelector, 'routesOf'>;
  /** A model may be another one at a backend, under the same versions. */
  readonly reloaded: (backend: Backend, model: string) => void;
}

/**
 * Fans a call out to several backends of one fleet (all, those that have its model, or the one that is named) and
 * probes models anew after a change. `askEach()` rejects with UNAVAILABLE when no backend is meant.
 */
export class Everyone implements WideFleet {
  readonly #deps: EveryoneDeps;

  constructor(deps: EveryoneDeps) {
    this.#deps = deps;
  }

  get ofModels(): string | undefined {
    return this.#deps.options().ofModels;
  }

  get isUsed(): boolean {
    return this.#deps.options().sources.length > 0;
  }

  get askMs(): number {
    return this.#deps.options().health.timeoutMs;
  }

  get names(): readonly string[] {
    return this.#deps.members.list.map(({ name }) => name);
  }

  async askEach(
    question: WideQuestion,
    told: (answer: BackendAnswer, place: number) => void,
  ): Promise<number> {
    const { call, only, of } = question;
    const { target } = call;
    const { clock, options, selector } = this.#deps;
    // what nobody asked for before is looked at everywhere
    if (of === 'model') await selector.routesOf(call);
    const { list } = this.#deps.members;
    // what is changed at one that is about to end is lost, and that it could not be is no news
    const lasting = staying(list);
    const isMeant = target === undefined || of === 'fleet' ? lasting : havingModel(lasting, target);
    const meant = only === undefined ? isMeant : list.filter(({ name }) => name === only);
    const { name, maxControlBytes: maxBytes } = options();
    if (meant.length === 0)
      throw new StatusError(Code.UNAVAILABLE, whyNobody(name, target, list), { where: `fleet ${name}` });
    await askEach(meant, question, told, { clock, maxBytes });
    return meant.length;
  }

  changed(model: string | undefined): void {
    const { members, watched, reloaded } = this.#deps;
    for (const backend of members.list) {
      for (const each of model === undefined ? watched.names() : [model]) {
        if (!watched.has(each)) continue;
        // it may be back before anybody looks
        reloaded(backend, each);
        detach('backend', backend.prober.look(each));
      }
      backend.repository.refreshSoon();
    }
  }
}
