/** The body of a REST predict request: row or columnar JSON in, named tensors out. */
import { Buffer } from 'node:buffer';
import { Code, StatusError } from '../../call/index.ts';
import type { DType } from '../dtype.ts';
import { defaultSignature, type Signature, type Tensor } from '../tensor.ts';
import { base64Member, TensorBuilder } from './builder.ts';
import type { JsonLimits } from './limits.ts';
import { preview } from './preview.ts';
import { byte, invalid, Scanner, SyntaxFault } from './scanner.ts';
import { stringText } from './strings.ts';
import { readTensor } from './tensor-reader.ts';

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
  readonly inputs: Map<string, Tensor>;
  /** Names of wanted outputs; empty means all. */
  readonly outputFilter: string[];
}

/** Collects the chunks of a body, and no more than the limit. */
export class BodyCollector {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws StatusError RESOURCE_EXHAUSTED */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      this.#chunks = [];
      throw new StatusError(
        Code.RESOURCE_EXHAUSTED,
        `request body is larger than the limit of ${this.#maxBytes} bytes`,
      );
    }
    this.#chunks.push(chunk);
  }

  take(): Uint8Array {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
  }
}

/** Checks the text alone. @throws StatusError for what is no JSON object */
export function checkJson(body: Uint8Array, maxDepth: number): void {
  const scanner = openRoot(body, maxDepth);
  scanner.skip();
}

/** Stands at the root object. */
export function openRoot(body: Uint8Array, maxDepth: number): Scanner {
  if (body.length === 0) throw invalid('JSON Parse error: The document is empty');
  const scanner = new Scanner(body, maxDepth);
  if (scanner.peek() === -1) throw scanner.fault('The document is empty.');
  if (scanner.type() !== 'Object') {
    const { at } = scanner;
    scanner.skip();
    throw invalid(`JSON Value: ${preview(body, at)} Is not object`);
  }
  return scanner;
}

/**
 * Runs a decoder over a body. A fault in the text comes before a fault in what it says, wherever it stands: the text is
 * checked to its end when anything else goes wrong.
 */
export function decodeRoot<T>(
  body: Uint8Array,
  limits: JsonLimits,
  decode: (scanner: Scanner, root: number) => T,
): T {
  const scanner = openRoot(body, limits.maxDepth);
  try {
    return decode(scanner, scanner.at);
  } catch (error) {
    if (!(error instanceof SyntaxFault)) checkJson(body, limits.maxDepth);
    throw error;
  }
}

/** The members of the root object by name, the first of each: where its value stands. */
export function rootMembers(scanner: Scanner, wanted: ReadonlySet<string>): Map<string, number> {
  const found = new Map<string, number>();
  if (!scanner.enter(byte.closeObject)) return found;
  do {
    const name = stringText(scanner, scanner.name());
    scanner.peek();
    if (wanted.has(name) && !found.has(name)) found.set(name, scanner.at);
    scanner.skip();
  } while (scanner.more(byte.closeObject));
  return found;
}

const members: ReadonlySet<string> = new Set(['signature_name', 'instances', 'inputs', 'output_filter']);

/** signature_name, or "" when there is none. */
export function signatureNameAt(scanner: Scanner, at: number | undefined, root: number): string {
  if (at === undefined) return '';
  scanner.at = at;
  if (scanner.type() !== 'String') {
    throw invalid(
      `JSON Value: ${preview(scanner.bytes, root)} not formatted correctly. 'signature_name' key must be a string value.`,
    );
  }
  return stringText(scanner, scanner.string());
}

export class PredictJsonDecoder {
  readonly #source: SignatureSource;
  readonly #limits: JsonLimits;
  readonly #strict: boolean;
  readonly #body: BodyCollector;

  constructor(source: SignatureSource, limits: JsonLimits, options: { strictDtypes: boolean }) {
    this.#source = source;
    this.#limits = limits;
    this.#strict = options.strictDtypes;
    this.#body = new BodyCollector(limits.maxBodyBytes);
  }

  /** @throws StatusError RESOURCE_EXHAUSTED beyond the limit */
  push(chunk: Uint8Array): void {
    this.#body.push(chunk);
  }

  /** @throws StatusError INVALID_ARGUMENT (UNIMPLEMENTED for a dtype that JSON cannot hold) */
  finish(): DecodedPredict {
    return decodeRoot(this.#body.take(), this.#limits, (scanner, root) => this.#decode(scanner, root));
  }

  #decode(scanner: Scanner, root: number): DecodedPredict {
    const found = rootMembers(scanner, members);
    const signatureName = signatureNameAt(scanner, found.get('signature_name'), root);
    const signature = this.#source.get(signatureName);
    if (signature.inputs.size === 0) {
      throw invalid(
        `Failed to get input map for signature: ${signatureName === '' ? 'DEFAULT' : signatureName}`,
      );
    }
    const instances = found.get('instances');
    const inputs = found.get('inputs');
    if (instances !== undefined && inputs !== undefined) {
      throw invalid(
        `JSON Value: ${preview(scanner.bytes, root)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist `,
      );
    }
    const at = instances ?? inputs;
    if (at === undefined) throw invalid("Missing 'inputs' or 'instances' key");
    const outputFilter = this.#outputFilter(scanner, found.get('output_filter'));
    scanner.at = at;
    const format = instances === undefined ? 'columnar' : 'row';
    const tensors =
      format === 'row' ? this.#rows(scanner, signature, root) : this.#columns(scanner, signature);
    return {
      format,
      signatureName: signatureName === '' ? defaultSignature : signatureName,
      inputs: tensors,
      outputFilter,
    };
  }

  /** Not in TensorFlow Serving's REST API, but asked for: the outputs that are wanted. Other types are ignored as there. */
  #outputFilter(scanner: Scanner, at: number | undefined): string[] {
    const names: string[] = [];
    if (at === undefined) return names;
    scanner.at = at;
    if (scanner.type() !== 'Array' || !scanner.enter(byte.closeList)) return names;
    do {
      if (scanner.type() !== 'String') return [];
      names.push(stringText(scanner, scanner.string()));
    } while (scanner.more(byte.closeList));
    return names;
  }

  #builder(scanner: Scanner, signature: Signature, name: string): TensorBuilder {
    const info = signature.inputs.get(name);
    const dtype: DType | undefined = info?.dtype;
    if (dtype === undefined) {
      throw new StatusError(
        Code.UNIMPLEMENTED,
        `input ${name} has the dtype number ${info?.dtypeNumber ?? 0}, which JSON cannot hold`,
      );
    }
    return new TensorBuilder(dtype, scanner, this.#limits, this.#strict);
  }

  #onlyInput(signature: Signature): string | undefined {
    return signature.inputs.size === 1 ? [...signature.inputs.keys()][0] : undefined;
  }

  /** True for an object that is no {"b64": "..."}; nothing is passed over. */
  #isNamed(scanner: Scanner): boolean {
    if (scanner.type() !== 'Object') return false;
    const start = scanner.at;
    const base64 = base64Member(scanner) !== undefined;
    scanner.at = start;
    return !base64;
  }

  #columns(scanner: Scanner, signature: Signature): Map<string, Tensor> {
    const tensors = new Map<string, Tensor>();
    if (!this.#isNamed(scanner)) {
      const name = this.#onlyInput(signature);
      if (name === undefined) {
        throw invalid(
          'inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map',
        );
      }
      return tensors.set(name, this.#tensor(scanner, signature, name));
    }
    if (scanner.enter(byte.closeObject)) {
      do {
        const name = stringText(scanner, scanner.name());
        // names that the signature lacks are ignored, and of a repeated one the first counts
        if (signature.inputs.has(name) && !tensors.has(name))
          tensors.set(name, this.#tensor(scanner, signature, name));
        else scanner.skip();
      } while (scanner.more(byte.closeObject));
    }
    for (const name of signature.inputs.keys()) {
      if (!tensors.has(name)) throw invalid(`Missing named input: ${name} in 'inputs' object.`);
    }
    return tensors;
  }

  #tensor(scanner: Scanner, signature: Signature, name: string): Tensor {
    const builder = this.#builder(scanner, signature, name);
    return builder.finish(readTensor(scanner, builder, this.#limits.maxRank));
  }

  #rows(scanner: Scanner, signature: Signature, root: number): Map<string, Tensor> {
    if (scanner.type() !== 'Array')
      throw invalid(`JSON Value: ${preview(scanner.bytes, root)} Expecting 'instances' to be an list/array`);
    if (!scanner.enter(byte.closeList))
      throw invalid(`JSON Value: ${preview(scanner.bytes, root)} No values in 'instances' array`);
    const named = this.#isNamed(scanner);
    const only = this.#onlyInput(signature);
    if (!named && only === undefined) {
      throw invalid(
        'instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map',
      );
    }
    const columns = new Map<string, Column>();
    for (const name of signature.inputs.keys())
      columns.set(name, new Column(this.#builder(scanner, signature, name), this.#limits.maxRank));
    let row = 0;
    do {
      if (named) this.#namedRow(scanner, signature, columns, row);
      else {
        if (this.#isNamed(scanner))
          throw invalid(`Expecting value/list but got object at item ${row} of input list`);
        try {
          (columns.get(only as string) as Column).read(scanner);
        } catch (error) {
          throw wrapped(`Failed to process element: ${row} of 'instances' list. Error: `, error);
        }
      }
      row++;
    } while (scanner.more(byte.closeList));
    return new Map([...columns].map(([name, column]) => [name, column.finish(row)]));
  }

  #namedRow(scanner: Scanner, signature: Signature, columns: ReadonlyMap<string, Column>, row: number): void {
    if (!this.#isNamed(scanner)) throw invalid(`Expecting object but got list at item ${row} of input list`);
    const start = scanner.at;
    const seen = new Set<string>();
    if (scanner.enter(byte.closeObject)) {
      do {
        const name = stringText(scanner, scanner.name());
        try {
          const column = columns.get(name);
          if (column === undefined) throw invalid(`JSON object: does not have named input: ${name}`);
          if (seen.has(name)) throw invalid(`JSON object: has the named input twice: ${name}`);
          seen.add(name);
          column.read(scanner);
        } catch (error) {
          throw wrapped(`Failed to process element: ${row} key: ${name} of 'instances' list. Error: `, error);
        }
      } while (scanner.more(byte.closeObject));
    }
    if (seen.size === signature.inputs.size) return;
    const names = [...signature.inputs.keys()].sort().join(',');
    throw invalid(
      `Failed to process element: ${row} of 'instances' list. JSON object: ${preview(scanner.bytes, start)} keys must be equal to: ${names}`,
    );
  }
}

/** One input in row form: every row adds a tensor of the same shape. */
class Column {
  readonly #builder: TensorBuilder;
  readonly #maxRank: number;
  #shape: readonly number[] | undefined;
  #size = 0;

  constructor(builder: TensorBuilder, maxRank: number) {
    this.#builder = builder;
    this.#maxRank = maxRank;
  }

  read(scanner: Scanner): void {
    const before = this.#builder.count;
    const shape = readTensor(scanner, this.#builder, this.#maxRank);
    const size = this.#builder.count - before;
    if (this.#shape === undefined) {
      this.#shape = shape;
      this.#size = size;
      return;
    }
    if (size !== this.#size) throw invalid(`Expecting tensor size: ${this.#size} but got: ${size}`);
    if (!sameShape(shape, this.#shape))
      throw invalid(`Expecting shape [${this.#shape.join(',')}] but got: [${shape.join(',')}]`);
  }

  finish(rows: number): Tensor {
    return this.#builder.finish([rows, ...(this.#shape ?? [])]);
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}

const codeNames: Readonly<Record<number, string>> = {
  [Code.INVALID_ARGUMENT]: 'INVALID_ARGUMENT',
  [Code.UNIMPLEMENTED]: 'UNIMPLEMENTED',
};

/** Faults within a row say which row, and are INVALID_ARGUMENT whatever they were; faults of the text stay as they are. */
function wrapped(prefix: string, error: unknown): unknown {
  if (error instanceof SyntaxFault || !(error instanceof StatusError)) return error;
  return invalid(`${prefix}${codeNames[error.code] ?? 'INTERNAL'}: ${error.message}`);
}
