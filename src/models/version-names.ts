/** The versions of V2 servers, which are text and may be missing, as the numbers that everybody else counts in. */
import type { Target } from '../call/index.ts';

/** What a model without numbered versions counts as: OpenVINO Model Server numbers its graphs so. */
export const onlyVersion = 1n;

const isNumber = (text: string): boolean => /^(?:0|[1-9][0-9]{0,17})$/.test(text);

/** Models that are remembered: the configured and the learnt ones, a bound for both. */
const maxModels = 10_000;

/** What one server calls the versions of its models. */
export class VersionNames {
  readonly #names = new Map<string, ReadonlySet<string>>();

  /** The server has said which versions of a model there are; gives them as numbers, in its order. */
  learn(model: string, versions: readonly string[]): readonly bigint[] {
    if (this.#names.size >= maxModels && !this.#names.has(model)) this.#names.clear();
    this.#names.set(model, new Set(versions));
    const numbers = versions.filter(isNumber).map(BigInt);
    return numbers.length === 0 ? [onlyVersion] : numbers;
  }

  forget(): void {
    this.#names.clear();
  }

  #isUnnumbered(model: string): boolean {
    const names = this.#names.get(model);
    return names !== undefined && ![...names].some(isNumber);
  }

  /** The versions that the server lists and that are no numbers; undefined when all are, or it has not been asked. */
  textsOf(model: string): readonly string[] | undefined {
    const names = this.#names.get(model);
    if (names === undefined) return undefined;
    const texts = [...names].filter((name) => !isNumber(name));
    return texts.length > 0 || names.size === 0 ? texts : undefined;
  }

  /**
   * The version that asks a server for a target; empty for its own choice. A server knows itself which texts it has:
   * some list none.
   */
  textOf({ model, version, label }: Target): string {
    if (label !== undefined) return label;
    if (version === undefined) return '';
    return version === onlyVersion && this.#isUnnumbered(model) ? '' : String(version);
  }

  /** The number of a version that a server names. */
  numberOf(text: string): bigint {
    return isNumber(text) ? BigInt(text) : onlyVersion;
  }
}
