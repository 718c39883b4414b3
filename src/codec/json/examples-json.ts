/** Classify and regress over REST: Examples in, scores and values out. */
import { Buffer } from 'node:buffer';
import type { Example, Feature } from '../example.ts';
import type { ClassScore } from '../proto/index.ts';
import { base64Member } from './builder.ts';
import { ByteWriter } from './byte-writer.ts';
import { formatFloat32 } from './format-float.ts';
import type { JsonLimits } from './limits.ts';
import { NumberParser } from './number.ts';
import { decodeRoot, rootMembers, signatureNameAt } from './predict-decoder.ts';
import { preview } from './preview.ts';
import { byte, invalid, type Scanner, type ValueType } from './scanner.ts';
import { decodeBase64, stringBytes, stringText } from './strings.ts';

export interface DecodedExamples {
  readonly signatureName: string;
  readonly examples: Example[];
  readonly context?: Example;
}

const members: ReadonlySet<string> = new Set(['signature_name', 'context', 'examples']);
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;

type Value =
  { kind: 'bytes'; value: Uint8Array } | { kind: 'float'; value: number } | { kind: 'int64'; value: bigint };

/** @throws StatusError INVALID_ARGUMENT with TensorFlow Serving's texts */
export function decodeExamplesJson(body: Uint8Array, limits: JsonLimits): DecodedExamples {
  return decodeRoot(body, limits, (scanner, root) => {
    const found = rootMembers(scanner, members);
    const rootText = (): string => preview(scanner.bytes, root);
    const signatureName = signatureNameAt(scanner, found.get('signature_name'), root);
    const contextAt = found.get('context');
    let context: Example | undefined;
    if (contextAt !== undefined) {
      scanner.at = contextAt;
      context = readExample(scanner, limits);
    }
    const at = found.get('examples');
    if (at === undefined)
      throw invalid(
        `JSON Value: ${rootText()} When method is classify, key 'examples' is expected and was not found`,
      );
    scanner.at = at;
    if (scanner.type() !== 'Array')
      throw invalid(`JSON Value: ${rootText()} Expecting 'examples' value to be an list/array`);
    if (!scanner.enter(byte.closeList))
      throw invalid(`JSON Value: ${rootText()} 'examples' value is an empty array`);
    const examples: Example[] = [];
    do {
      if (examples.length >= limits.maxElements)
        throw invalid(`there are more examples than the limit of ${limits.maxElements}`);
      examples.push(readExample(scanner, limits));
    } while (scanner.more(byte.closeList));
    return { signatureName, examples, ...(context === undefined ? {} : { context }) };
  });
}

const typeNames: Readonly<Record<ValueType, string>> = {
  Null: 'Null',
  True: 'Bool',
  False: 'Bool',
  Object: 'Object',
  Array: 'Array',
  String: 'String',
  Number: 'Number',
};

function readExample(scanner: Scanner, limits: JsonLimits): Example {
  const type = scanner.type();
  if (type !== 'Object') throw invalid(`Example must be JSON object but got JSON ${typeNames[type]}`);
  const features = new Map<string, Feature>();
  if (!scanner.enter(byte.closeObject)) return features;
  do {
    const name = stringText(scanner, scanner.name());
    features.set(name, readFeature(scanner, name, limits));
  } while (scanner.more(byte.closeObject));
  return features;
}

function readFeature(scanner: Scanner, name: string, limits: JsonLimits): Feature {
  const values: Value[] = [];
  const add = (): void => {
    if (values.length >= limits.maxElements)
      throw invalid(`feature ${name} has more values than the limit of ${limits.maxElements}`);
    const value = readValue(scanner, name);
    const kind = values[0]?.kind ?? value.kind;
    if (value.kind !== kind)
      throw invalid(`Unexpected element type in feature: ${name} expecting type: ${kind}`);
    values.push(value);
  };
  if (scanner.type() !== 'Array') add();
  else if (scanner.enter(byte.closeList)) {
    do add();
    while (scanner.more(byte.closeList));
  }
  const [first] = values;
  if (first === undefined) return { kind: 'none' };
  return { kind: first.kind, values: values.map(({ value }) => value) } as Feature;
}

function readValue(scanner: Scanner, name: string): Value {
  const type = scanner.type();
  const from = scanner.at;
  if (type === 'String') return { kind: 'bytes', value: stringBytes(scanner, scanner.string()) };
  if (type === 'True' || type === 'False') {
    scanner.word(type);
    return { kind: 'int64', value: type === 'True' ? 1n : 0n };
  }
  if (type === 'Object') {
    const text = base64Member(scanner);
    if (text !== undefined) return { kind: 'bytes', value: decodeBase64(text) };
  }
  if (type !== 'Number')
    throw invalid(`Feature: ${name} has element with unexpected JSON type: ${typeNames[type]}`);
  const integer = scanner.number();
  if (integer && scanner.at - from <= 21) {
    const value = BigInt(Buffer.from(scanner.bytes.subarray(from, scanner.at)).toString('latin1'));
    if (value >= minInt64 && value <= maxInt64) return { kind: 'int64', value };
    if (value > 0n && value <= maxUint64)
      throw invalid(`Feature: ${name} has uint64_t element. Only int64_t is supported.`);
  }
  return { kind: 'float', value: new NumberParser(scanner.bytes).float64(from, scanner.at) };
}

/** The body of a classify reply: for each example a list of [label, score]. */
export function encodeClassifyJson(results: readonly (readonly ClassScore[])[]): Uint8Array {
  if (results.length === 0) throw invalid('Cannot convert empty ClassificationResults to JSON');
  const out = new ByteWriter();
  out.text('{"results":[');
  results.forEach((classes, row) => {
    out.text(row > 0 ? ',[' : '[');
    classes.forEach(({ label, score }, i) => {
      out.text(i > 0 ? ',[' : '[');
      out.string(Buffer.from(label));
      out.text(`,${formatFloat32(score)}]`);
    });
    out.text(']');
  });
  out.text(']}');
  return Buffer.concat(out.finish());
}

/** The body of a regress reply: one number for each example. */
export function encodeRegressJson(values: readonly number[]): Uint8Array {
  if (values.length === 0) throw invalid('Cannot convert empty RegressionResults to JSON');
  return Buffer.from(`{"results":[${values.map(formatFloat32).join(',')}]}`, 'latin1');
}

/** TensorFlow Serving's error body. */
export function errorBody(message: string): Uint8Array {
  const out = new ByteWriter();
  out.text('{\n    "error": ');
  out.string(Buffer.from(message));
  out.text('\n}');
  return Buffer.concat(out.finish());
}
