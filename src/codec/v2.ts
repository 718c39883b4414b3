/**
 * The messages of the Open Inference Protocol (KServe V2) as the gateway holds them, whether they came as protobuf or
 * JSON.
 */
import { Code, StatusError } from '../base/status.ts';
import { type DType, dtypes } from './dtype.ts';
import type { NamedChunks } from './tensor-chunks.ts';

/** bool_param, int64_param (a bigint), string_param, double_param (a number), uint64_param (a bigint above int64). */
export type V2Parameter = boolean | bigint | string | number;
export type V2Parameters = ReadonlyMap<string, V2Parameter>;

/** The parameter of a tensor whose values a server reads, or writes, in memory that it shares with the client. */
export const sharedMemory = 'shared_memory_region';

/** Of a tensor that somebody else than such a server is to read. */
export const inSharedMemory = (tensor: string): StatusError =>
  new StatusError(
    Code.UNIMPLEMENTED,
    `tensor ${tensor} is in shared memory, which only a server of the client's own transport can be told`,
  );

export interface V2RequestedOutput {
  readonly name: string;
  readonly parameters: V2Parameters;
}

export interface V2InferRequest {
  readonly model: string;
  /** Empty for the server's choice; any text otherwise. */
  readonly version: string;
  readonly id: string;
  readonly parameters: V2Parameters;
  readonly inputs: NamedChunks;
  /** Parameters of single inputs ("shared_memory_region"), by input. */
  readonly inputParameters: ReadonlyMap<string, V2Parameters>;
  /** Empty means all. */
  readonly outputs: readonly V2RequestedOutput[];
}

export interface V2InferResponse {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly parameters: V2Parameters;
  readonly outputs: NamedChunks;
  /** Parameters of single outputs, by output. */
  readonly outputParameters: ReadonlyMap<string, V2Parameters>;
}

export interface V2TensorMetadata {
  readonly name: string;
  /** "FP32", "BYTES", ... */
  readonly datatype: string;
  /** -1 is an unknown dimension. */
  readonly shape: readonly number[];
  /** MLServer's; absent for none. */
  readonly parameters?: V2Parameters;
}

export interface V2ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly V2TensorMetadata[];
  readonly outputs: readonly V2TensorMetadata[];
  /** MLServer's; absent for none. */
  readonly parameters?: V2Parameters;
}

export interface V2ServerMetadata {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface V2ModelIndex {
  readonly name: string;
  readonly version: string;
  /** "READY", "UNAVAILABLE", ... */
  readonly state: string;
  readonly reason: string;
}

const byName = new Map<string, DType>();
for (const [dtype, row] of Object.entries(dtypes)) if ('v2' in row) byName.set(row.v2, dtype as DType);

/** The dtype of a V2 datatype ("FP32"), or undefined for a word that is none. */
export function dtypeOfV2(datatype: string): DType | undefined {
  return byName.get(datatype);
}

/** The V2 datatype of a dtype, or undefined for one that V2 lacks (complex and quantized ones). */
export function v2Of(dtype: DType): string | undefined {
  const row = dtypes[dtype];
  return 'v2' in row ? row.v2 : undefined;
}

export const noParameters: V2Parameters = new Map();

/** Parameters that say how HTTP carries tensors (the binary tensor extension): they end where the body is read. */
const carriage: readonly string[] = ['binary_data_output', 'binary_data', 'binary_data_size'];

/**
 * Returns the parameters without those of the binary tensor data extension (binary_data, binary_data_size,
 * binary_data_output); the same Map when there are none of these.
 */
export function withoutCarriage(parameters: V2Parameters): V2Parameters {
  if (parameters.size === 0 || !carriage.some((name) => parameters.has(name))) return parameters;
  return new Map([...parameters].filter(([name]) => !carriage.includes(name)));
}

const nobodys: ReadonlyMap<string, V2Parameters> = new Map();

/** The parameters of those that have any; nearly always none. */
export function parametersByName(
  each: readonly { readonly name: string; readonly parameters: V2Parameters }[],
): ReadonlyMap<string, V2Parameters> {
  let found: Map<string, V2Parameters> | undefined;
  for (const { name, parameters } of each) {
    const own = withoutCarriage(parameters);
    if (own.size > 0) (found ??= new Map<string, V2Parameters>()).set(name, own);
  }
  return found ?? nobodys;
}
