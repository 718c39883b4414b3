/** The compiled files of protos/, cut apart for server reflection. */
import { Buffer } from 'node:buffer';
import { descriptorSet } from './descriptors.ts';
import { Reader, wire } from './reader.ts';

/** One file as descriptor.proto has it. */
export interface ReflectionFile {
  /** The serialized FileDescriptorProto. */
  readonly bytes: Uint8Array;
  readonly dependencies: readonly string[];
  /** Full names of its messages, enums and services, nested ones included. */
  readonly symbols: readonly string[];
}

/** Full names of a DescriptorProto, and of what is nested in it (nested_type 3, enum_type 4). */
function messageSymbols(reader: Reader, scope: string): string[] {
  let name = '';
  const nested: Reader[] = [];
  const enums: Reader[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(3, wire.bytes)) nested.push(reader.message());
    else if (reader.is(4, wire.bytes)) enums.push(reader.message());
    else reader.skip();
  }
  const full = `${scope}${name}`;
  return [
    full,
    ...nested.flatMap((each) => messageSymbols(each, `${full}.`)),
    ...enums.map((each) => `${full}.${nameOf(each)}`),
  ];
}

/** Field 1 of enums and services. */
function nameOf(reader: Reader): string {
  let name = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else reader.skip();
  }
  return name;
}

function readFile(bytes: Uint8Array): [name: string, file: ReflectionFile] {
  const reader = new Reader(bytes);
  let name = '';
  let scope = '';
  const dependencies: string[] = [];
  const messages: Reader[] = [];
  const others: Reader[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) scope = `${reader.string()}.`;
    else if (reader.is(3, wire.bytes)) dependencies.push(reader.string());
    else if (reader.is(4, wire.bytes)) messages.push(reader.message());
    else if (reader.is(5, wire.bytes) || reader.is(6, wire.bytes)) others.push(reader.message());
    else reader.skip();
  }
  const symbols = [
    ...messages.flatMap((each) => messageSymbols(each, scope)),
    ...others.map((each) => `${scope}${nameOf(each)}`),
  ];
  return [name, { bytes, dependencies, symbols }];
}

/** By file name, as imports write it. */
export function reflectionFiles(): ReadonlyMap<string, ReflectionFile> {
  const reader = new Reader(Buffer.from(descriptorSet, 'base64'));
  const files = new Map<string, ReflectionFile>();
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) files.set(...readFile(reader.slice()));
    else reader.skip();
  }
  return files;
}
