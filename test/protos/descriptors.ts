/** The descriptors that reflection gives out, flattened to what is compared: fields, enum values, methods. */
import { createRequire } from 'node:module';
import { reflectionFiles } from '../../src/codec/index.ts';

/** protobufjs's descriptor extension brings no types for what is used here. */
const { FileDescriptorProto } = createRequire(import.meta.url)('protobufjs/ext/descriptor') as {
  FileDescriptorProto: {
    decode(bytes: Uint8Array): object;
    toObject(message: object, options: object): object;
  };
};

/** Number, type, label, type name: "[1, TYPE_STRING, LABEL_OPTIONAL, ]". */
export type Field = readonly [number: number, type: string, label: string, typeName: string];

export interface Described {
  readonly messages: Record<string, Record<string, Field>>;
  readonly enums: Record<string, Record<string, number>>;
  readonly services: Record<string, Record<string, readonly [input: string, output: string]>>;
}

interface Message {
  name: string;
  field: { name: string; number: number; type: string; label: string; typeName: string }[];
  nestedType: Message[];
  enumType: Enum[];
}
interface Enum {
  name: string;
  value: { name: string; number: number }[];
}
interface File {
  package: string;
  messageType: Message[];
  enumType: Enum[];
  service: { name: string; method: { name: string; inputType: string; outputType: string }[] }[];
}

const local = (name: string): string => name.replace(/^\./, '');

/** Adds a FileDescriptorProto to what is known. */
function add(into: Described, file: File): void {
  const enumOf = (scope: string, { name, value }: Enum): void => {
    into.enums[`${scope}.${name}`] = Object.fromEntries(value.map((each) => [each.name, each.number]));
  };
  const messageOf = (scope: string, message: Message): void => {
    const full = `${scope}.${message.name}`;
    into.messages[full] = Object.fromEntries(
      message.field.map(({ name, number, type, label, typeName }) => [
        name,
        [number, type, label, local(typeName)] as const,
      ]),
    );
    for (const each of message.enumType) enumOf(full, each);
    for (const each of message.nestedType) messageOf(full, each);
  };
  for (const each of file.messageType) messageOf(file.package, each);
  for (const each of file.enumType) enumOf(file.package, each);
  for (const { name, method } of file.service) {
    into.services[`${file.package}.${name}`] = Object.fromEntries(
      method.map((each) => [each.name, [local(each.inputType), local(each.outputType)] as const]),
    );
  }
}

/** What reflection gives out, from the bytes that it gives out. */
export function embedded(): Described {
  const all: Described = { messages: {}, enums: {}, services: {} };
  for (const { bytes } of reflectionFiles().values()) {
    add(
      all,
      FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes), {
        arrays: true,
        defaults: true,
        enums: String,
      }) as File,
    );
  }
  return all;
}
