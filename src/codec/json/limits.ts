/** What a JSON body may cost, and the errors that say so. */
import { Code, StatusError } from '../../call/index.ts';

export interface JsonLimits {
  /** Bytes of JSON text in one body, after decompression. */
  readonly maxBodyBytes: number;
  /** Objects and lists open at the same time, the root included. */
  readonly maxDepth: number;
  /** Dimensions of one tensor; TensorFlow itself stops at 254. */
  readonly maxRank: number;
  /** Elements of all tensors of a request together. */
  readonly maxElements: number;
  /** Bytes of one string or key as it stands in JSON, escapes resolved (so of base64 text, not of what it holds). */
  readonly maxStringBytes: number;
}

/**
 * Bytes of one number. Any float64 can be written out exactly in 1,077 characters; longer ones only serve to
 * make a reader slow.
 */
export const maxNumberBytes = 2048;

/** A body over its limit: RESOURCE_EXHAUSTED, as gRPC has it for messages, so that doors can answer 413. */
export function bodyTooLarge(maxBytes: number): StatusError {
  return new StatusError(
    Code.RESOURCE_EXHAUSTED,
    `request body is larger than the limit of ${maxBytes} bytes`,
  );
}

/** Any other limit, INVALID_ARGUMENT: "JSON nesting is deeper than the limit of 100 levels". */
export function overLimit(what: string, limit: number, unit: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, `${what} than the limit of ${limit} ${unit}`);
}

export function invalid(text: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, text);
}
