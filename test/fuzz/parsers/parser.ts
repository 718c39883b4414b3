/** What a reader of foreign bytes is to the fuzz: inputs from chance, and which errors are its documented ones. */
import { StatusError } from '../../../src/base/status.ts';
import { BodyTooLarge } from '../../../src/codec/index.ts';
import { ConnectionError } from '../../../src/wire/constants.ts';
import type { Chance } from '../chance.ts';

export interface Parser {
  readonly name: string;
  /** Its share of all inputs. */
  readonly weight: number;
  /** Makes one input and reads it. Throws what is documented, or a fault. */
  run(chance: Chance): void | Promise<void>;
}

export const isRefusal = (error: unknown): boolean =>
  error instanceof StatusError || error instanceof ConnectionError || error instanceof BodyTooLarge;

/** That something is as it must be. */
export function ensure(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not so: ${what}`);
}
