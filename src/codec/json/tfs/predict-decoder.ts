/** The body of a REST predict request: row or columnar JSON in, named tensors out. */
import { StatusError } from '../../../base/status.ts';
import type { EncodedTensor } from '../../encoded-tensor.ts';
import { defaultSignature, type Signature } from '../../tensor.ts';
import { anotherOne, enter, JsonBody, nextByte, type Reading, readRoot, shortString, skip } from '../body.ts';
import type { DtypeOptions } from '../column.ts';
import type { Excerpt } from '../excerpt.ts';
import { expect, invalid, type JsonLimits, valueFault, ValueFault } from '../limits.ts';
import { byte, Text } from '../text.ts';
import { readColumns } from './columns.ts';
import { readRows } from './rows.ts';

/** Where dtypes come from: a model's signatures by name. */
export interface SignatureSource {
  /** "" means the default. @throws StatusError INVALID_ARGUMENT with TensorFlow Serving's text */
  get(name: string): Signature;
  readonly names: readonly string[];
}

export type PredictFormat = 'row' | 'columnar';

export interface DecodedPredict {
  readonly format: PredictFormat;
  readonly signatureName: string;
  readonly inputs: Map<string, EncodedTensor>;
  /** Names of wanted outputs; empty means all. */
  readonly outputFilter: readonly string[];
}

/**
 * Tensors that stand before signature_name are read as the default signature has them. Should another one follow, with
 * other inputs, they are read once more from this many bytes of text that are kept.
 */
const maxKeptBytes = 2 ** 20;
/** Names in output_filter: more than any model has outputs. */
const maxFilterNames = 4096;

/** Tensors as they were read, or why they could not be. */
interface Attempt {
  readonly format: PredictFormat;
  /** Undefined when there was none of the name known by then. */
  readonly signature: Signature | undefined;
  readonly inputs: Map<string, EncodedTensor> | ValueFault;
  /** The text, when another signature may still turn up. */
  readonly kept: Excerpt | undefined;
}

/**
 * Decodes a body as it arrives.
 * @param source the model's signatures, or why they cannot be had: a body that is no JSON is told before that
 */
export function predictBody(
  source: SignatureSource | StatusError,
  limits: JsonLimits,
  options: DtypeOptions,
): JsonBody<DecodedPredict> {
  return new JsonBody(limits, (text) => new PredictReading(text, source, limits, options).read());
}

class PredictReading {
  readonly #text: Text;
  readonly #source: SignatureSource | StatusError;
  readonly #limits: JsonLimits;
  readonly #options: DtypeOptions;
  #signatureName: string | undefined;
  #badSignatureName = false;
  #attempt: Attempt | undefined;
  #both = false;
  #outputFilter: string[] | undefined;
  #filterFault: ValueFault | undefined;

  constructor(text: Text, source: SignatureSource | StatusError, limits: JsonLimits, options: DtypeOptions) {
    this.#text = text;
    this.#source = source;
    this.#limits = limits;
    this.#options = options;
  }

  *read(): Reading<DecodedPredict> {
    const root = yield* readRoot(this.#text, (name, rootText) => this.#member(name, rootText));
    return this.#result(root);
  }

  /** The first of repeated names counts; what is not known is passed over. */
  *#member(name: string, root: () => string): Reading<void> {
    const text = this.#text;
    if (name === 'signature_name' && this.#signatureName === undefined && !this.#badSignatureName) {
      if (text.bytes[text.at] === byte.quote) {
        this.#signatureName = yield* shortString(text);
        return;
      }
      this.#badSignatureName = true;
    } else if (name === 'instances' || name === 'inputs') {
      const format = name === 'instances' ? 'row' : 'columnar';
      if (this.#attempt === undefined) {
        yield* this.#tensors(format, root);
        return;
      }
      this.#both ||= this.#attempt.format !== format;
    } else if (name === 'output_filter' && this.#outputFilter === undefined) {
      yield* this.#filter();
      return;
    }
    yield* skip(text);
  }

  /** The signature of a name; undefined when there is none, which is told later. */
  #signature(name: string): Signature | undefined {
    if (this.#source instanceof StatusError) return undefined;
    try {
      const signature = this.#source.get(name);
      return signature.inputs.size === 0 ? undefined : signature;
    } catch {
      return undefined;
    }
  }

  *#tensors(format: PredictFormat, root: () => string): Reading<void> {
    const text = this.#text;
    const signature = this.#signature(this.#signatureName ?? '');
    const another =
      this.#signatureName === undefined &&
      !(this.#source instanceof StatusError) &&
      this.#source.names.length > 1;
    const kept = another ? text.excerpt(text.at, maxKeptBytes) : undefined;
    const floor = text.open.length;
    let inputs: Attempt['inputs'] = new Map();
    if (signature === undefined) yield* skip(text);
    else {
      try {
        inputs = yield* this.#read(text, format, signature, root);
      } catch (fault) {
        if (!(fault instanceof ValueFault)) throw fault;
        inputs = fault;
        yield* skip(text, fault.next, floor);
      }
    }
    this.#attempt = { format, signature, inputs, kept };
  }

  #read(
    text: Text,
    format: PredictFormat,
    signature: Signature,
    root: () => string,
  ): Reading<Map<string, EncodedTensor>> {
    const options = { ...this.#options, limits: this.#limits };
    return format === 'row'
      ? readRows(text, signature, options, root)
      : readColumns(text, signature, options);
  }

  /**
   * Not in TensorFlow Serving's REST API, but asked for: the outputs that are wanted. Other types are ignored as
   * there.
   */
  *#filter(): Reading<void> {
    const text = this.#text;
    const names: string[] = [];
    this.#outputFilter = names;
    const floor = text.open.length;
    if (text.bytes[text.at] !== byte.openList) {
      yield* skip(text);
      return;
    }
    if (!(yield* enter(text, byte.closeList))) return;
    do {
      if ((yield* nextByte(text)) !== byte.quote) {
        names.length = 0;
        yield* skip(text, expect.value, floor);
        return;
      }
      names.push(yield* shortString(text));
      if (names.length > maxFilterNames) {
        this.#filterFault = valueFault(`output_filter has more names than the limit of ${maxFilterNames}`);
        yield* skip(text, expect.after, floor);
        return;
      }
    } while (yield* anotherOne(text, byte.closeList));
  }

  /** What the members come to, in the order in which TensorFlow Serving looks at them. */
  #result(root: () => string): DecodedPredict {
    const source = this.#source;
    const name = this.#signatureName ?? '';
    if (this.#badSignatureName) {
      throw invalid(
        `JSON Value: ${root()} not formatted correctly. 'signature_name' key must be a string value.`,
      );
    }
    if (source instanceof StatusError) throw source;
    const signature = source.get(name);
    if (signature.inputs.size === 0)
      throw invalid(`Failed to get input map for signature: ${name === '' ? 'DEFAULT' : name}`);
    if (this.#both) {
      throw invalid(
        `JSON Value: ${root()} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist `,
      );
    }
    const attempt = this.#attempt;
    if (attempt === undefined) throw invalid("Missing 'inputs' or 'instances' key");
    const inputs = this.#fitting(attempt, signature, root);
    if (inputs instanceof ValueFault) throw inputs.toStatus();
    if (this.#filterFault !== undefined) throw this.#filterFault.toStatus();
    return {
      format: attempt.format,
      signatureName: name === '' ? defaultSignature : name,
      inputs,
      outputFilter: this.#outputFilter ?? [],
    };
  }

  /** The tensors as this signature has them. */
  #fitting(attempt: Attempt, signature: Signature, root: () => string): Attempt['inputs'] {
    const before = attempt.signature;
    if (before !== undefined && sameInputs(before, signature)) return attempt.inputs;
    const excerpt = attempt.kept;
    const kept = excerpt === undefined ? undefined : this.#text.textOf(excerpt);
    if (kept === undefined || excerpt?.cut === true) {
      throw invalid(
        `signature_name must stand before tensors of more than ${maxKeptBytes} bytes: put it first`,
      );
    }
    const text = new Text(this.#limits.maxDepth, kept);
    text.open.push(byte.closeObject);
    try {
      const step = this.#read(text, attempt.format, signature, root).next();
      if (step.done !== true) throw new Error('a reader waits in a text that is complete');
      return step.value;
    } catch (fault) {
      if (fault instanceof ValueFault) return fault;
      throw fault;
    }
  }
}

/** The same names and types, so that the same text becomes the same tensors. */
function sameInputs(a: Signature, b: Signature): boolean {
  if (a === b) return true;
  if (a.inputs.size !== b.inputs.size) return false;
  for (const [name, info] of a.inputs) {
    const other = b.inputs.get(name);
    if (other?.dtypeNumber !== info.dtypeNumber || other.shape?.length !== info.shape?.length) return false;
  }
  return true;
}
