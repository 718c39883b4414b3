/**
 * Who of many backends answered and who did not: counted, and told to the client in fields of the answer and in
 * errors.
 */
import { Code, codeName, StatusError } from '../../base/status.ts';
import type { Metadata } from '../../call/index.ts';
import { wideFields } from '../../models/index.ts';
import type { BackendAnswer } from './fleet.ts';

/** Of a list in a field or in words: what is longer is cut, and the rest counted. */
const maxNamed = 20;
const maxLength = 2048;
/** Of what one backend says. */
const maxSaid = 300;

/** Joins entries for a message: at most 20 of them and 2048 characters, then "and N more". */
export function listed(entries: readonly string[], separator = ', '): string {
  let text = '';
  for (const [i, entry] of entries.entries()) {
    const next = i === 0 ? entry.slice(0, maxLength) : `${text}${separator}${entry}`;
    if (i >= maxNamed || next.length > maxLength) return `${text} and ${entries.length - i} more`;
    text = next;
  }
  return text;
}

/** Fields of HTTP hold visible ASCII. */
export const fieldValue = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?');

interface Placed {
  readonly name: string;
  readonly place: number;
}
export interface Failed extends Placed {
  readonly error: StatusError;
}

/** Collects which backends answered a fleet-wide call and which failed, with their order across fleets. */
export class Tally {
  readonly #answered: Placed[] = [];
  readonly #failed: Failed[] = [];
  #offset = 0;

  /** Answers of the next fleet stand behind those so far. */
  nextFleet(): (place: number) => number {
    const offset = this.#offset;
    this.#offset += 1_000_000;
    return (place) => offset + place;
  }

  answered(name: string, place: number): void {
    this.#answered.push({ name, place });
  }

  failed(name: string, place: number, error: StatusError): void {
    this.#failed.push({ name, place, error });
  }

  get answers(): readonly string[] {
    return namesOf(this.#answered);
  }

  /**
   * In their order.
   * @param isNone whether an error says that the question is not for this backend, which does not count where another
   *   one answers
   */
  failures(isNone: (error: StatusError) => boolean): readonly Failed[] {
    const inOrder = this.#failed.toSorted((a, b) => a.place - b.place);
    const meant = inOrder.filter(({ error }) => !isNone(error));
    return this.#answered.length > 0 || meant.length > 0 ? meant : inOrder;
  }

  /** For an answer of more than one backend. */
  fields(failures: readonly Failed[]): Metadata {
    const asked = namesOf([...this.#answered, ...failures]);
    if (asked.length < 2) return [];
    const fields = [wideFields.asked, fieldValue(listed(asked))];
    if (failures.length > 0) {
      const each = failures.map(({ name, error }) => `${name} ${codeName(error.code)}`);
      fields.push(wideFields.failed, fieldValue(listed(each)));
    }
    return fields;
  }
}

const namesOf = (placed: readonly Placed[]): readonly string[] =>
  [...placed].sort((a, b) => a.place - b.place).map(({ name }) => name);

/**
 * What a client is told where backends failed: one backend's own error as it is, of several the code that all of them
 * have (UNKNOWN where they differ) and what each of them said.
 * @param did those that did well
 */
export function failureOf(did: readonly string[], failures: readonly Failed[]): StatusError {
  const [first] = failures;
  if (first === undefined) return new StatusError(Code.INTERNAL, 'no backend was asked');
  if (did.length === 0 && failures.length === 1) return first.error;
  const code = failures.every(({ error }) => error.code === first.error.code)
    ? first.error.code
    : Code.UNKNOWN;
  const byWords = new Map<string, string[]>();
  for (const { name, error } of failures) {
    const said = `${codeName(error.code)}: ${error.message.slice(0, maxSaid)}`;
    const names = byWords.get(said);
    if (names === undefined) byWords.set(said, [name]);
    else names.push(name);
  }
  const each = [...byWords].map(([said, names]) => `${listed(names)}: ${said}`);
  if (did.length > 0) each.push(`${listed(did)}: OK`);
  const text = `${failures.length} of ${did.length + failures.length} backends failed: ${listed(each, '; ')}`;
  return new StatusError(code, text, { fromBackend: failures.every(({ error }) => error.fromBackend) });
}

/** The same where nobody answered: what all of them say alike is said once, in their own words. */
export function sharedFailureOf(failures: readonly Failed[]): StatusError {
  const error = failures[0]?.error;
  const isShared =
    error?.fromBackend === true &&
    failures.every((each) => each.error.code === error.code && each.error.message === error.message);
  return isShared ? error : failureOf([], failures);
}

/** Puts an answer where it belongs; gives it when it is one. */
export function tallied(
  tally: Tally,
  answer: BackendAnswer,
  place: number,
): Extract<BackendAnswer, { error: undefined }> | undefined {
  if (answer.error === undefined) return answer;
  tally.failed(answer.backend, place, answer.error);
  return undefined;
}
