/** What a JSON body may cost, and the errors that say so. */
import { Code, StatusError } from '../../base/status.ts';

export interface JsonLimits {
  /** Bytes of JSON text in one body, after decompression. */
  readonly maxBodyBytes: number;
  /** Objects and lists open at the same time, the root included. */
  readonly maxDepth: number;
  /** Dimensions of one tensor; TensorFlow itself stops at 254. */
  readonly maxRank: number;
  /** Elements of all tensors of a request together. */
  readonly maxElements: number;
  /** Bytes of one string of a tensor, escapes resolved; of base64 what it stands for. */
  readonly maxStringBytes: number;
  /** Examples, features and values of a classify or regress request together: each takes about 100 bytes of memory. */
  readonly maxExampleValues: number;
}

/**
 * Bytes of one number. Any float64 can be written out exactly in 1,077 characters; longer ones only serve to
 * make a reader slow.
 */
export const maxNumberBytes = 2048;

/** What JSON's grammar allows at some place of a text. */
export const expect = { value: 0, first: 1, after: 2, name: 3, colon: 4 } as const;
export type Expect = (typeof expect)[keyof typeof expect];

/** Bytes of one member's name where names matter, and of signature names: they wait for their end in memory. */
export const maxNameBytes = 4096;

/** A body over its limit: RESOURCE_EXHAUSTED, as gRPC has it for messages, so that doors can answer 413. */
export class BodyTooLarge extends StatusError {
  constructor(maxBytes: number) {
    super(Code.RESOURCE_EXHAUSTED, `request body is larger than the limit of ${maxBytes} bytes`);
  }
}

/** Creates the StatusError INVALID_ARGUMENT with this message; the caller throws it. */
export function invalid(text: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, text);
}

/** A fault after which the text is not read any further. */
export class FatalFault extends StatusError {
  constructor(text: string) {
    super(Code.INVALID_ARGUMENT, text);
  }
}

/** A limit of the text itself: INVALID_ARGUMENT "JSON is nested deeper than the limit of 64 levels". */
export function fatal(text: string): FatalFault {
  return new FatalFault(text);
}

/** A fault of the text itself, told apart from what the text says: TensorFlow Serving reports it first. */
export class SyntaxFault extends FatalFault {
  constructor(text: string, offset: number) {
    super(`JSON Parse error: ${text} at offset: ${offset}`);
  }
}

/**
 * A fault in what the text says. The rest of the text is still read, because a fault in the text itself comes first;
 * the message is made when that is done, since it may show more of the text than has arrived.
 */
export class ValueFault extends Error {
  readonly toStatus: () => StatusError;
  /** What the grammar allows where reading stopped. */
  readonly next: Expect;

  constructor(toStatus: () => StatusError, next: Expect = expect.value) {
    super('a fault in what the text says');
    this.toStatus = toStatus;
    this.next = next;
  }
}

/** A ValueFault whose message is known already. */
export function valueFault(text: string, next: Expect = expect.value): ValueFault {
  return new ValueFault(() => invalid(text), next);
}
