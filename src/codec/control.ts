/**
 * What a model server may say about a model at the most, whatever its API: it is kept, compared and shown for as long
 * as the model is known.
 */
import { Code, StatusError } from '../base/status.ts';

/**
 * Each far above what servers say (a signature takes some hundred bytes, TensorFlow Serving keeps two versions), and
 * low enough that reading and keeping it holds nobody up.
 */
export const controlLimits = {
  /** Of one answer. */
  bytes: 4 * 2 ** 20,
  /** Lists and objects of JSON within each other; signatures need nine. */
  depth: 32,
  versions: 1000,
  /** Of one model. */
  signatures: 1000,
  /** Inputs or outputs of one signature. */
  tensors: 10_000,
  /** Of models, versions, signatures and tensors, in bytes. */
  nameBytes: 1024,
  /** Models in one list. */
  models: 10_000,
} as const;

/** An answer about a model that is not taken: it is the server's fault, for this model alone. */
export class OutOfBounds extends StatusError {
  constructor(what: string) {
    super(Code.INTERNAL, `the model server's answer about the model is not taken: ${what}`, {
      fromBackend: true,
    });
  }
}

/**
 * What went wrong with reading such an answer, as the server's fault: a limit of ours is not the client's to hear of.
 */
export function notTaken(reason: unknown): StatusError {
  if (reason instanceof OutOfBounds) return reason;
  const error = StatusError.from(reason);
  const isOurs = error.code === Code.RESOURCE_EXHAUSTED || error.code === Code.INVALID_ARGUMENT;
  return isOurs && !error.fromBackend ? new OutOfBounds(error.message) : error;
}

/**
 * Reads a message about a model.
 * @throws OutOfBounds for what is none, too: the server is there, its model is not known
 */
export function readControl<T>(decode: (message: Uint8Array) => T, message: Uint8Array): T {
  try {
    return decode(message);
  } catch (reason) {
    throw notTaken(reason);
  }
}

/** Called before one more is kept. @throws OutOfBounds */
export function checkCount(count: number, limit: 'versions' | 'signatures' | 'tensors' | 'models'): void {
  if (count >= controlLimits[limit]) throw new OutOfBounds(`more than ${controlLimits[limit]} ${limit}`);
}

/** @throws OutOfBounds when it is too long */
export function checkedName(name: string): string {
  // characters are no more than bytes, which most names have as many of
  if (name.length <= controlLimits.nameBytes && Buffer.byteLength(name) <= controlLimits.nameBytes)
    return name;
  throw new OutOfBounds(`a name of more than ${controlLimits.nameBytes} bytes`);
}

const quote = 0x22;
const backslash = 0x5c;

/** True when lists and objects stand deeper within each other; for text that is no JSON it may be either. */
function isDeeper(text: Uint8Array, limit: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case quote:
        for (i++; i < text.length && text[i] !== quote; i++) if (text[i] === backslash) i++;
        break;
      case 0x5b /* [ */:
      case 0x7b /* { */:
        if (++depth > limit) return true;
        break;
      case 0x5d /* ] */:
      case 0x7d /* } */:
        depth--;
        break;
      default:
    }
  }
  return false;
}

/** As JSON.parse() has it. */
export type Reviver = (key: string, value: unknown, context?: { readonly source?: string }) => unknown;

/** No integer of 64 bits has more characters. */
const maxIntegerText = 20;

/** A reviver: integers become bigints with all of their digits. */
export function exactInteger(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source ?? '';
  if (typeof value !== 'number' || source.length > maxIntegerText) return value;
  return /^-?[0-9]+$/.test(source) ? BigInt(source) : value;
}

/**
 * JSON of a server that is not trusted to be brief: text that is nested takes a hundred times its size.
 * @throws OutOfBounds, SyntaxError
 */
export function parseControlJson(
  text: Uint8Array,
  limits: { readonly bytes?: number; readonly reviver?: Reviver } = {},
): unknown {
  const { bytes = controlLimits.bytes, reviver } = limits;
  if (text.length > bytes) throw new OutOfBounds(`more than ${bytes} bytes`);
  if (isDeeper(text, controlLimits.depth))
    throw new OutOfBounds(`JSON that is nested deeper than ${controlLimits.depth} levels`);
  return JSON.parse(Buffer.from(text.buffer, text.byteOffset, text.length).toString('utf8'), reviver);
}
