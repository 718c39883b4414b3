/** V2 infer bodies as JSON, with the bytes of tensors behind it where that is wanted. */
import { Buffer } from 'node:buffer';
import { datatypeOf, rawOf } from '../../proto/index.ts';
import {
  type Chunks,
  chunksLength,
  type NamedChunks,
  type TensorChunks,
  tensorOf,
} from '../../tensor-chunks.ts';
import { elementsOf } from '../../tensor.ts';
import { type V2InferRequest, type V2InferResponse, type V2Parameters, withoutCarriage } from '../../v2.ts';
import { invalid } from '../limits.ts';
import { NestedWriter } from '../nested-writer.ts';
import type { NonFinite } from '../non-finite.ts';
import { Slice } from '../slice.ts';
import { runFor } from '../value-writers.ts';
import { parametersText } from './parameters-text.ts';

export interface V2JsonBody {
  readonly pieces: readonly Uint8Array[];
  /** How many bytes of it are JSON; undefined when all are. */
  readonly headerBytes: number | undefined;
}

/** @throws StatusError INVALID_ARGUMENT for what JSON has no numbers for */
function checkFinite(parameters: V2Parameters): void {
  for (const [name, value] of parameters)
    if (typeof value === 'number' && !Number.isFinite(value))
      throw invalid(`parameter "${name.slice(0, 100)}" is ${value}, which the server's JSON cannot carry`);
}

/**
 * The values of a tensor as a flat list. Strings are text, whatever the tensor's name is.
 * @param shape as which they are written
 */
export function* dataOf(
  tensor: TensorChunks,
  nonFinite: NonFinite,
  shape: readonly number[] = [elementsOf(tensor.shape)],
): Generator<Buffer, undefined, undefined> {
  const whole = tensorOf(tensor);
  // an output's name decides about base64 in TensorFlow Serving's API only
  const run = runFor('', whole, nonFinite) ?? ((_slice, _first, _from, end) => end);
  const slice = new Slice();
  const nested = new NestedWriter(shape, run).begin(0);
  while (!nested.run(slice)) yield slice.take();
  yield slice.take();
}

/**
 * @param head members before the tensors, without the opening brace: '"id":"1",'
 * @param isBinary whether a tensor's bytes go behind the JSON
 */
function encode(
  head: string,
  key: 'inputs' | 'outputs',
  tensors: NamedChunks,
  parametersOf: (name: string) => V2Parameters | undefined,
  isBinary: (name: string) => boolean,
  tail: string,
  nonFinite: NonFinite = 'literal',
): V2JsonBody {
  const json: Uint8Array[] = [];
  const binary: Chunks[] = [];
  let text = `{${head}"${key}":[`;
  let comma = '';
  for (const [name, tensor] of tensors) {
    const datatype = datatypeOf(name, tensor.dtype);
    text += `${comma}{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${tensor.shape.join(',')}]`;
    comma = ',';
    const own = new Map(parametersOf(name) ?? []);
    const raw = isBinary(name) ? rawOf(tensor) : undefined;
    if (raw !== undefined) {
      own.set('binary_data_size', BigInt(chunksLength(raw)));
      binary.push(raw);
    }
    if (own.size > 0) text += `,"parameters":${parametersText(own)}`;
    if (raw === undefined) {
      json.push(Buffer.from(`${text},"data":`), ...dataOf(tensor, nonFinite));
      text = '';
    }
    text += '}';
  }
  json.push(Buffer.from(`${text}]${tail}}`));
  const behind = binary.flat();
  // as Triton has it: where nothing stands behind it, because all these tensors are empty, the JSON is the whole body
  return chunksLength(behind) === 0
    ? { pieces: json, headerBytes: undefined }
    : { pieces: [...json, ...behind], headerBytes: chunksLength(json) };
}

function member(name: string, value: string): string {
  return value === '' ? '' : `"${name}":${JSON.stringify(value)},`;
}

/** @param isBinary whether an output's bytes are wanted behind the JSON */
export function encodeV2ReplyJson(
  response: V2InferResponse,
  isBinary: (name: string) => boolean,
  nonFinite?: NonFinite,
): V2JsonBody {
  const { model, version, id, parameters, outputs, outputParameters } = response;
  const head =
    `"model_name":${JSON.stringify(model)},${member('model_version', version)}${member('id', id)}` +
    (parameters.size > 0 ? `"parameters":${parametersText(parameters)},` : '');
  return encode(head, 'outputs', outputs, (name) => outputParameters.get(name), isBinary, '', nonFinite);
}

/**
 * @param binary the server reads the binary tensor extension: then all inputs are sent so, and all outputs asked for so
 * @param listOutputs the server can be trusted with a list of wanted outputs
 */
export function encodeV2InferJson(
  request: V2InferRequest,
  { binary, listOutputs }: { readonly binary: boolean; readonly listOutputs: boolean },
): V2JsonBody {
  const parameters = new Map(withoutCarriage(request.parameters));
  for (const each of [parameters, ...request.inputParameters.values()]) checkFinite(each);
  for (const output of request.outputs) checkFinite(output.parameters);
  if (binary) parameters.set('binary_data_output', true);
  const head =
    member('id', request.id) + (parameters.size > 0 ? `"parameters":${parametersText(parameters)},` : '');
  const wanted = listOutputs ? request.outputs : [];
  const outputs = wanted.map(({ name, parameters: asked }) => {
    const own = new Map(withoutCarriage(asked));
    if (binary) own.set('binary_data', true);
    return `{"name":${JSON.stringify(name)}${own.size === 0 ? '' : `,"parameters":${parametersText(own)}`}}`;
  });
  const tail = outputs.length === 0 ? '' : `,"outputs":[${outputs.join(',')}]`;
  return encode(
    head,
    'inputs',
    request.inputs,
    (name) => request.inputParameters.get(name),
    () => binary,
    tail,
  );
}
