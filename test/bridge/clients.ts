/**
 * One client for each door, small enough to run thousands of cells in a process: what it sends is what the real ones
 * send.
 */
import { Buffer } from 'node:buffer';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { codeName } from '../../src/base/status.ts';
import {
  chunksOf,
  decodeFlagResponse,
  decodeGetModelMetadataResponse,
  decodeGetModelStatusResponse,
  decodeModelInferResponse,
  decodeModelMetadataResponse,
  decodePredictResponse,
  decodeV2ReplyJson,
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodeModelInferRequest,
  encodeModelVersionRequest,
  encodePredictRequest,
  encodePredictRequestJson,
  encodeV2InferJson,
  joined,
  type NamedChunks,
  type Tensor,
  tensorOf,
} from '../../src/codec/index.ts';
import type { TestGateway } from '../support/index.ts';
import type { DoorName } from './matrix.ts';

export interface DoorClient {
  /** Whether the model is available. */
  status(model: string): Promise<boolean>;
  /** Names of inputs and outputs. */
  metadata(model: string): Promise<{ inputs: string[]; outputs: string[] }>;
  infer(model: string, input: string, tensor: Tensor, output: string): Promise<Tensor>;
  close(): void;
}

/** An error status, by its gRPC name or as HTTP has it ("HTTP 400"). */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export type Unary = (path: string, message: Uint8Array) => Promise<Uint8Array>;

export function overGrpc(address: string): { unary: Unary; close: () => void } {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
  return {
    unary: (path, message) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          path,
          same,
          same,
          message,
          new Metadata(),
          (error: ServiceError | null, value) => {
            if (error === null) resolve(value ?? Buffer.alloc(0));
            else reject(new Refused(codeName(error.code), error.details));
          },
        );
      }),
    close: () => client.close(),
  };
}

export function overWeb(address: string): { unary: Unary; close: () => void } {
  return {
    async unary(path, message) {
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      const response = await fetch(`http://${address}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1' },
        body: Buffer.concat([head, message]),
      });
      const body = Buffer.from(await response.arrayBuffer());
      let answer = Buffer.alloc(0);
      let trailers = '';
      for (let at = 0; at < body.length;) {
        const length = body.readUInt32BE(at + 1);
        const frame = body.subarray(at + 5, at + 5 + length);
        if (body[at] === 0x80) trailers = frame.toString();
        else answer = frame;
        at += 5 + length;
      }
      const status = /grpc-status: *([0-9]+)/.exec(trailers)?.[1] ?? '2';
      if (status !== '0') throw new Refused(codeName(Number(status)), trailers);
      return answer;
    },
    close: () => undefined,
  };
}

const one = (name: string, tensor: Tensor): NamedChunks => new Map([[name, chunksOf(tensor)]]);
const need = (tensor: Tensor | undefined): Tensor => {
  if (tensor === undefined) throw new Error('the reply lacks the output');
  return tensor;
};
const outputIn = (outputs: NamedChunks, name: string): Tensor => {
  const found = outputs.get(name);
  return need(found === undefined ? undefined : tensorOf(found));
};

function tfsClient({ unary, close }: { unary: Unary; close: () => void }): DoorClient {
  const service = '/tensorflow.serving.PredictionService';
  return {
    async status(name) {
      const message = encodeGetModelStatusRequest({ name, signature: '' });
      const states = decodeGetModelStatusResponse(
        await unary('/tensorflow.serving.ModelService/GetModelStatus', message),
      );
      return states.some(({ state }) => state === 30);
    },
    async metadata(name) {
      const message = encodeGetModelMetadataRequest({ name, signature: '' });
      const { signatures } = decodeGetModelMetadataResponse(
        await unary(`${service}/GetModelMetadata`, message),
      );
      const signature = signatures.get('serving_default');
      return {
        inputs: [...(signature?.inputs.keys() ?? [])],
        outputs: [...(signature?.outputs.keys() ?? [])],
      };
    },
    async infer(name, input, tensor, output) {
      const spec = { name, signature: '' };
      const parts =
        tensor.dtype === 'string'
          ? { dtype: tensor.dtype, shape: tensor.shape, parts: tensor.values.map(stringEntry) }
          : { dtype: tensor.dtype, shape: tensor.shape, parts: [tensor.bytes] };
      const message = encodePredictRequest({ spec, inputs: new Map([[input, parts]]), outputFilter: [] });
      const { outputs } = decodePredictResponse(await unary(`${service}/Predict`, joined(message)));
      return need(outputs.get(output));
    },
    close,
  };
}

/** An entry of TensorProto.string_val, of under 128 bytes. */
const stringEntry = (value: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(0x42, value.length), value]);

function v2Client({ unary, close }: { unary: Unary; close: () => void }): DoorClient {
  const service = '/inference.GRPCInferenceService';
  return {
    status: async (name) =>
      decodeFlagResponse(await unary(`${service}/ModelReady`, encodeModelVersionRequest(name, ''))),
    async metadata(name) {
      const message = encodeModelVersionRequest(name, '');
      const { inputs, outputs } = decodeModelMetadataResponse(
        await unary(`${service}/ModelMetadata`, message),
      );
      return { inputs: inputs.map((each) => each.name), outputs: outputs.map((each) => each.name) };
    },
    async infer(model, input, tensor, output) {
      const message = encodeModelInferRequest(v2Request(model, one(input, tensor)));
      const reply = decodeModelInferResponse([await unary(`${service}/ModelInfer`, joined(message))]);
      return outputIn(reply.outputs, output);
    },
    close,
  };
}

const v2Request = (model: string, inputs: NamedChunks) => ({
  model,
  version: '',
  id: '',
  parameters: new Map(),
  inputs,
  inputParameters: new Map(),
  outputs: [],
});

async function http(url: string, init?: RequestInit): Promise<{ bytes: Buffer; headers: Headers }> {
  const response = await fetch(url, init);
  const bytes = Buffer.from(await response.arrayBuffer());
  if (response.status !== 200) throw new Refused(`HTTP ${response.status}`, bytes.toString());
  return { bytes, headers: response.headers };
}

const limits = {
  maxBodyBytes: 2 ** 24,
  maxDepth: 64,
  maxRank: 32,
  maxElements: 2 ** 20,
  maxStringBytes: 2 ** 20,
  maxExampleValues: 1000,
};

function tfsRestClient(address: string): DoorClient {
  const base = `http://${address}/v1/models`;
  const json = async (url: string): Promise<Record<string, unknown>> =>
    JSON.parse((await http(url)).bytes.toString()) as Record<string, unknown>;
  return {
    async status(model) {
      const { model_version_status: states } = await json(`${base}/${model}`);
      return (states as { state: string }[]).some(({ state }) => state === 'AVAILABLE');
    },
    async metadata(model) {
      const { metadata } = (await json(`${base}/${model}/metadata`)) as {
        metadata: { signature_def: { signatureDef: Record<string, { inputs: object; outputs: object }> } };
      };
      const signature = metadata.signature_def.signatureDef.serving_default;
      return { inputs: Object.keys(signature?.inputs ?? {}), outputs: Object.keys(signature?.outputs ?? {}) };
    },
    async infer(model, input, tensor) {
      const body = Buffer.concat(encodePredictRequestJson('', one(input, tensor)));
      const { bytes } = await http(`${base}/${model}:predict`, { method: 'POST', body });
      // as text: JSON.parse would round 64-bit integers
      const data = /^\{"outputs":(.*)\}\s*$/s.exec(bytes.toString())?.[1] ?? '';
      return fromJson(data, tensor);
    },
    close: () => undefined,
  };
}

/** What came, in the dtype that was sent: by sending it through the V2 reader, which knows all of them. */
function fromJson(data: string, { dtype, shape }: Tensor): Tensor {
  const v2 = { string: 'BYTES', float: 'FP32', double: 'FP64', half: 'FP16', bfloat16: 'BF16', bool: 'BOOL' };
  const datatype = dtype in v2 ? v2[dtype as keyof typeof v2] : dtype.toUpperCase();
  const body = `{"outputs":[{"name":"x","datatype":"${datatype}","shape":[${shape.join(',')}],"data":${data}}]}`;
  const options = { limits, strictDtypes: false, maxTensorBytes: 2 ** 24 };
  return outputIn(decodeV2ReplyJson(Buffer.from(body), undefined, options).outputs, 'x');
}

function v2RestClient(address: string, binary: boolean): DoorClient {
  const base = `http://${address}/v2/models`;
  return {
    status: (model) => http(`${base}/${model}/ready`).then(() => true),
    async metadata(model) {
      const { inputs, outputs } = JSON.parse((await http(`${base}/${model}`)).bytes.toString()) as {
        inputs: { name: string }[];
        outputs: { name: string }[];
      };
      return { inputs: inputs.map(({ name }) => name), outputs: outputs.map(({ name }) => name) };
    },
    async infer(model, input, tensor, output) {
      const { pieces, headerBytes } = encodeV2InferJson(v2Request(model, one(input, tensor)), {
        binary,
        listOutputs: true,
      });
      const { bytes, headers } = await http(`${base}/${model}/infer`, {
        method: 'POST',
        body: Buffer.concat(pieces),
        headers: headerBytes === undefined ? {} : { 'inference-header-content-length': String(headerBytes) },
      });
      const length = headers.get('inference-header-content-length');
      const options = { limits, strictDtypes: false, maxTensorBytes: 2 ** 24 };
      const reply = decodeV2ReplyJson(bytes, length === null ? undefined : Number(length), options);
      return outputIn(reply.outputs, output);
    },
    close: () => undefined,
  };
}

/** A client of one of a gateway's doors. */
export function clientOf(door: DoorName, gateway: TestGateway): DoorClient {
  switch (door) {
    case 'tfs-grpc':
      return tfsClient(overGrpc(gateway.grpc));
    case 'tfs-web':
      return tfsClient(overWeb(gateway.rest));
    case 'v2-grpc':
      return v2Client(overGrpc(gateway.grpc));
    case 'v2-web':
      return v2Client(overWeb(gateway.rest));
    case 'tfs-rest':
      return tfsRestClient(gateway.rest);
    default:
      return v2RestClient(gateway.rest, door === 'v2-binary');
  }
}
