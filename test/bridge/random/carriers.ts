/** A V2 request as REST and as gRPC have it, and their answers as one form that can be compared member by member. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Chance } from '../../fuzz/chance.ts';
import { overGrpc, Refused } from '../clients.ts';
import { v2Proto } from '../servers/v2.ts';
import { isNumber, type Json, parseLenient } from './lenient-json.ts';
import type { Parameter, Parameters, RandomRequest } from './requests.ts';
import {
  contentsOf,
  type Datatype,
  rawOf,
  type Value,
  valueOf,
  valuesOf,
  valuesOfContents,
} from './values.ts';

/** "int 5", "text a": a kind and a value. */
export type Said = Readonly<Record<string, string>>;

export interface AnswerTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: Said;
  /** In hex; the text of "asked". */
  readonly values: readonly string[];
  /** Over REST. */
  readonly carried?: 'JSON' | 'binary';
}

export interface Answer {
  /** HTTP's, or gRPC's name; 200 for both when all is well. */
  readonly status: number | string;
  readonly error?: string;
  readonly contentType?: string;
  readonly model?: string;
  readonly version?: string;
  /** Absent and empty are one over gRPC. */
  readonly id?: string;
  readonly parameters?: Said;
  readonly outputs?: readonly AnswerTensor[];
}

export type Asking = (address: string, request: RandomRequest) => Promise<Answer>;

function parameterText(value: Parameter): string {
  if (typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value);
  return typeof value === 'number' && /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}
/** Those that are there, in any order. */
type Entries = readonly (readonly [name: string, text: string | undefined])[];

function objectText(entries: Entries, style: Chance): string {
  const members: string[] = [];
  for (const [name, text] of entries)
    if (text !== undefined)
      members.splice(
        style.percent(80) ? members.length : style.below(members.length + 1),
        0,
        `${JSON.stringify(name)}:${text}`,
      );
  const space = style.percent(90) ? '' : style.pick([' ', '\n', '\t\r\n ']);
  return `{${space}${members.join(`${space},${space}`)}${space}}`;
}
function parametersText(parameters: Parameters, style: Chance): string | undefined {
  const entries = Object.entries(parameters).map(([name, value]) => [name, parameterText(value)] as const);
  return entries.length === 0 ? undefined : objectText(entries, style);
}
const withFlag = (parameters: Parameters, name: string, flag: Parameter | undefined): Parameters =>
  flag === undefined ? parameters : { ...parameters, [name]: flag };

/** The body, and how much of it is JSON where that is not all. */
export function restBody(request: RandomRequest): { body: Buffer; headerBytes: number | undefined } {
  const binary: Buffer[] = [];
  const style = new Chance(request.style);
  const inputs = request.inputs.map(({ name, datatype, shape, values, parameters, json }) => {
    const raw = json === undefined ? rawOf(datatype, values) : undefined;
    if (raw !== undefined) binary.push(raw);
    const size = raw === undefined ? undefined : BigInt(raw.length);
    return objectText(
      [
        ['name', JSON.stringify(name)],
        ['shape', JSON.stringify(shape)],
        ['datatype', JSON.stringify(datatype)],
        ['parameters', parametersText(withFlag(parameters, 'binary_data_size', size), style)],
        ['data', json],
      ],
      style,
    );
  });
  const outputs = request.outputs?.map(({ name, parameters, binary: flag }) =>
    objectText(
      [
        ['name', JSON.stringify(name)],
        ['parameters', parametersText(withFlag(parameters, 'binary_data', flag), style)],
      ],
      style,
    ),
  );
  const text = objectText(
    [
      ['id', request.id === undefined ? undefined : JSON.stringify(request.id)],
      [
        'parameters',
        parametersText(withFlag(request.parameters, 'binary_data_output', request.binaryOutput), style),
      ],
      ['inputs', `[${inputs.join(',')}]`],
      ['outputs', outputs && `[${outputs.join(',')}]`],
    ],
    style,
  );
  const json = Buffer.from(text);
  return {
    body: Buffer.concat([json, ...binary]),
    headerBytes: binary.length === 0 ? undefined : json.length,
  };
}

const textOf = (json: Json | undefined): string =>
  Buffer.isBuffer(json)
    ? json.toString()
    : json === undefined || json === null
      ? ''
      : `no text: ${JSON.stringify(json)}`;

function saidIn(json: Json | undefined): Said {
  if (json === undefined || json === null) return {};
  const entries = Object.entries(json as Record<string, Json>).filter(([, value]) => value !== null);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      if (Buffer.isBuffer(value)) return [name, `text ${value.toString()}`];
      if (typeof value === 'boolean') return [name, `bool ${value}`];
      if (!isNumber(value)) return [name, `other ${JSON.stringify(value)}`];
      return [name, /[.eE]/.test(value.number) ? `double ${Number(value.number)}` : `int ${value.number}`];
    }),
  );
}

const flat = (json: Json | undefined): Json[] =>
  Array.isArray(json) ? (json as Json[]).flatMap(flat) : [json as Json];
const numbersIn = (json: Json | undefined): number[] =>
  flat(json).map((each) => (isNumber(each) ? Number(each.number) : Number.NaN));
const shownOf = (name: string, values: readonly Value[]): string[] =>
  values.map((value) => value.toString(name === 'asked' ? 'utf8' : 'hex'));

function restOutputs(json: Json | undefined, binary: Buffer): AnswerTensor[] {
  let at = 0;
  return (json as Record<string, Json>[]).map((tensor) => {
    const { binary_data_size: size, ...parameters } = saidIn(tensor.parameters);
    const datatype = textOf(tensor.datatype) as Datatype;
    const values =
      size === undefined
        ? flat(tensor.data).map((each) => valueOf(datatype, each))
        : valuesOf(datatype, binary.subarray(at, (at += Number(size.replace('int ', '')))));
    return {
      name: textOf(tensor.name),
      datatype,
      shape: numbersIn(tensor.shape),
      parameters,
      values: shownOf(textOf(tensor.name), values),
      carried: size === undefined ? 'JSON' : 'binary',
    };
  });
}

export const overRest: Asking = async (address, request) => {
  const { body, headerBytes } = restBody(request);
  const version = request.version === '' ? '' : `/versions/${request.version}`;
  const sent = httpRequest(`http://${address}/v2/models/${request.model}${version}/infer`, {
    method: 'POST',
    // servers close connections that stay idle, and the next request may be on its way by then
    agent: false,
    headers: {
      'content-length': body.length,
      ...(headerBytes === undefined
        ? { 'content-type': 'application/json' }
        : {
            'content-type': 'application/octet-stream',
            'inference-header-content-length': String(headerBytes),
          }),
    },
  });
  sent.end(body);
  let response: IncomingMessage;
  const chunks: Buffer[] = [];
  try {
    [response] = (await once(sent, 'response')) as [IncomingMessage];
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (reason) {
    return { status: 'broken off', error: String(reason) };
  }
  const bytes = Buffer.concat(chunks);
  const { statusCode: status = 0, headers } = response;
  if (status !== 200) return { status, error: bytes.toString().slice(0, 500) };
  const length = headers['inference-header-content-length'];
  const end = length === undefined ? bytes.length : Number(length);
  try {
    const json = parseLenient(bytes.subarray(0, end)) as Record<string, Json>;
    const id = textOf(json.id);
    return {
      status: 200,
      contentType: headers['content-type'] ?? '',
      model: textOf(json.model_name),
      version: textOf(json.model_version),
      ...(json.id === undefined || json.id === null ? {} : { id }),
      parameters: saidIn(json.parameters),
      outputs: restOutputs(json.outputs, bytes.subarray(end)),
    };
  } catch (reason) {
    return { status: `unreadable`, error: `${String(reason)}: ${bytes.toString('latin1').slice(0, 2000)}` };
  }
};

function choiceOf(value: Parameter): object {
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'bigint') return { int64_param: String(value) };
  return typeof value === 'number' ? { double_param: value } : { string_param: value };
}
const choicesOf = (parameters: Parameters): object =>
  Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, choiceOf(value)]));

export function grpcMessage(request: RandomRequest): Uint8Array {
  const type = v2Proto('ModelInferRequest');
  return type
    .encode(
      type.fromObject({
        model_name: request.model,
        model_version: request.version,
        id: request.id ?? '',
        parameters: choicesOf(request.parameters),
        inputs: request.inputs.map(({ name, datatype, shape, values, parameters }) => ({
          name,
          datatype,
          shape,
          parameters: choicesOf(parameters),
          ...(request.raw ? {} : { contents: contentsOf(datatype, values) }),
        })),
        outputs: (request.outputs ?? []).map(({ name, parameters }) => ({
          name,
          parameters: choicesOf(parameters),
        })),
        raw_input_contents: request.raw
          ? request.inputs.map(({ datatype, values }) => rawOf(datatype, values))
          : [],
      }),
    )
    .finish();
}

interface ProtoTensor {
  readonly name?: string;
  readonly datatype?: string;
  readonly shape?: readonly string[];
  readonly parameters?: Readonly<Record<string, object>>;
  readonly contents?: Readonly<Record<string, readonly unknown[]>>;
}
const kinds: Readonly<Record<string, string>> = {
  bool_param: 'bool',
  int64_param: 'int',
  uint64_param: 'int',
  double_param: 'double',
  string_param: 'text',
};
function saidBy(parameters: Readonly<Record<string, object>> = {}): Said {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, choice]) => {
      const [kind = '', value] = Object.entries(choice)[0] ?? [];
      return [name, `${kinds[kind] ?? kind} ${value}`];
    }),
  );
}

export function grpcAnswer(bytes: Uint8Array): Answer {
  const type = v2Proto('ModelInferResponse');
  const { model_name, model_version, id, parameters, outputs, raw_output_contents } = type.toObject(
    type.decode(bytes),
    { longs: String, arrays: true },
  ) as Record<string, unknown>;
  const raw = raw_output_contents as Buffer[];
  return {
    status: 200,
    model: (model_name as string | undefined) ?? '',
    version: (model_version as string | undefined) ?? '',
    ...(id === undefined || id === '' ? {} : { id: id as string }),
    parameters: saidBy(parameters as Record<string, object>),
    outputs: (outputs as ProtoTensor[]).map((tensor, i) => {
      const datatype = tensor.datatype as Datatype;
      const own = raw[i];
      return {
        name: tensor.name ?? '',
        datatype,
        shape: (tensor.shape ?? []).map(Number),
        parameters: saidBy(tensor.parameters),
        values: shownOf(
          tensor.name ?? '',
          own === undefined ? valuesOfContents(datatype, tensor.contents ?? {}) : valuesOf(datatype, own),
        ),
      };
    }),
  };
}

/** A client to each address, until the end. */
export function grpcCarrier(): { ask: Asking; close: () => void } {
  const clients = new Map<string, ReturnType<typeof overGrpc>>();
  return {
    async ask(address, request) {
      const client = clients.get(address) ?? overGrpc(address);
      clients.set(address, client);
      try {
        const message = grpcMessage(request);
        return grpcAnswer(await client.unary('/inference.GRPCInferenceService/ModelInfer', message));
      } catch (reason) {
        if (!(reason instanceof Refused)) throw reason;
        return { status: reason.code, error: reason.message };
      }
    },
    close() {
      for (const client of clients.values()) client.close();
    },
  };
}
