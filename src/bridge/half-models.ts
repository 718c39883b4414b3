/**
 * Which models of a V2 server have tensors that its JSON does not carry: Triton takes and gives 16-bit floats as
 * bytes alone.
 */
import type { V2ModelMetadata } from '../codec/index.ts';

const halves: ReadonlySet<string> = new Set(['FP16', 'BF16']);
/** Models that are remembered; clients choose the names of those that are asked about. */
const maxModels = 1000;

/**
 * Remembers by path whether a model has FP16 or BF16 tensors; a failed metadata request counts as no, and is
 * not remembered.
 */
export class HalfModels {
  readonly #models = new Map<string, Promise<boolean>>();

  /**
   * @param metadata asks the server, once for a path. A model that it says nothing of has none: it will say so itself
   */
  has(path: string, metadata: () => Promise<V2ModelMetadata>): Promise<boolean> {
    const known = this.#models.get(path);
    if (known !== undefined) return known;
    const asked = metadata().then(
      ({ inputs, outputs }) => [...inputs, ...outputs].some(({ datatype }) => halves.has(datatype)),
      () => {
        if (this.#models.get(path) === asked) this.#models.delete(path);
        return false;
      },
    );
    if (this.#models.size >= maxModels) this.#models.clear();
    this.#models.set(path, asked);
    return asked;
  }

  forget(): void {
    this.#models.clear();
  }
}
