/** What workers and their primary say to each other. */

/** How many workers there are: said by the primary when it starts one, since a configuration may change afterwards. */
export const countVariable = 'TENSORGATE_WORKER_COUNT';

/** A worker asks: every other one, the one that leads, or the first process. */
export interface Ask {
  readonly kind: 'ask';
  readonly id: number;
  readonly to: 'others' | 'leader' | 'first';
  readonly topic: string;
  readonly value: unknown;
}

/** A worker tells every other one, and waits for nothing. */
export interface Tell {
  readonly kind: 'tell';
  readonly topic: string;
  readonly value: unknown;
}

/** A worker answers a question. */
export interface Reply {
  readonly kind: 'reply';
  readonly requester: number;
  readonly id: number;
  readonly value: unknown;
}

/** A worker tells the first process what it has counted so far. */
export interface Keep {
  readonly kind: 'keep';
  readonly counts: string;
}

export type FromWorker = Ask | Tell | Reply | Keep;

export type ToWorker =
  /** How many answers come; 0 from a leader means that the requester leads. */
  | { readonly kind: 'expect'; readonly id: number; readonly answers: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly kind: 'question';
      readonly requester: number;
      readonly id: number;
      readonly topic: string;
      readonly value: unknown;
    }
  /** From now on it says what every worker sees: the one that did has ended. */
  | { readonly kind: 'speak' }
  | { readonly kind: 'news'; readonly from: number; readonly topic: string; readonly value: unknown };

/** Messages of other libraries pass on the same channel. */
export interface Envelope<T> {
  readonly tensorgate: T;
}

/**
 * Returns the content of an Envelope, or undefined for a message that is none; the type of the content is not
 * checked.
 */
export function opened<T>(message: unknown): T | undefined {
  return typeof message === 'object' && message !== null && 'tensorgate' in message
    ? (message as Envelope<T>).tensorgate
    : undefined;
}

/** A worker says that it will end, although nobody has told it to. */
export const leaving = { tensorgateLeaving: true } as const;

/** Whether a message of a worker is `leaving`. */
export function saysLeaving(message: unknown): boolean {
  return (message as Partial<typeof leaving> | null)?.tensorgateLeaving === true;
}
