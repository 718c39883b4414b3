/** Model metadata of V2 as JSON, both ways. */
import { checkCount, checkedName, exactInteger, parseControlJson } from '../../control.ts';
import {
  noParameters,
  type V2ModelMetadata,
  type V2Parameter,
  type V2Parameters,
  type V2TensorMetadata,
} from '../../v2.ts';
import { parametersText } from './parameters-text.ts';

function tensorText({ name, datatype, shape, parameters = noParameters }: V2TensorMetadata): string {
  const text = JSON.stringify({ name, datatype, shape });
  return parameters.size === 0 ? text : `${text.slice(0, -1)},"parameters":${parametersText(parameters)}}`;
}

/**
 * Serializes the model metadata response of the V2 REST API (GET v2/models/NAME); `parameters` is omitted where
 * it is empty.
 */
export function encodeV2MetadataJson(metadata: V2ModelMetadata): string {
  const { name, versions, platform, inputs, outputs, parameters = noParameters } = metadata;
  const head = JSON.stringify({ name, versions, platform }).slice(0, -1);
  const [ins, outs] = [inputs, outputs].map((tensors) => tensors.map(tensorText).join(','));
  const tail = parameters.size === 0 ? '' : `,"parameters":${parametersText(parameters)}`;
  return `${head},"inputs":[${ins}],"outputs":[${outs}]${tail}}`;
}

type Json = Readonly<Record<string, unknown>>;
const textIn = (value: unknown): string => (typeof value === 'string' ? checkedName(value) : '');

/** Lists and objects have no place in a V2 message. */
const isParameter = (value: unknown): value is V2Parameter =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  typeof value === 'number' ||
  (typeof value === 'bigint' && value >= -(2n ** 63n) && value < 2n ** 64n);

function parametersIn(value: unknown): { readonly parameters?: V2Parameters } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const parameters = new Map<string, V2Parameter>();
  for (const [name, each] of Object.entries(value)) if (isParameter(each)) parameters.set(name, each);
  return parameters.size === 0 ? {} : { parameters };
}

function tensorsIn(value: unknown): V2TensorMetadata[] {
  if (!Array.isArray(value)) return [];
  return (value as readonly (Json | null)[]).map((tensor, i) => {
    checkCount(i, 'tensors');
    const { name, datatype, shape, parameters } = tensor ?? {};
    return {
      name: textIn(name),
      datatype: textIn(datatype),
      shape: Array.isArray(shape) ? shape.map(Number) : [],
      ...parametersIn(parameters),
    };
  });
}

function versionIn(version: unknown, i: number): string {
  checkCount(i, 'versions');
  return checkedName(String(version));
}

/** @param text of a server @throws OutOfBounds, SyntaxError for what is no JSON object */
export function decodeV2MetadataJson(text: Uint8Array): V2ModelMetadata {
  const json = parseControlJson(text, { reviver: exactInteger });
  if (typeof json !== 'object' || json === null) throw new SyntaxError('no JSON object');
  const { name, versions, platform, inputs, outputs, parameters } = json as Json;
  return {
    name: textIn(name),
    versions: Array.isArray(versions) ? versions.map(versionIn) : [],
    platform: textIn(platform),
    inputs: tensorsIn(inputs),
    outputs: tensorsIn(outputs),
    ...parametersIn(parameters),
  };
}
