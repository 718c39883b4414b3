/**
 * A stand-in for OpenVINO Model Server, as strict as it is: 2026.2 with the TensorFlow Serving API and V2, 2026.4
 * with V2 alone. Its rules are those of the server's own sources (tfs_frontend and kfs_frontend deserialization).
 */
import { Code, StatusError } from '../../../src/base/status.ts';
import { getMetadata, messagePrefix, trailersOf } from '../../../src/call/index.ts';
import {
  decodeModelInferRequest,
  decodePredictRequest,
  decodePredictRequestChunks,
  type DType,
  dtypes,
  encodeFlagResponse,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
  encodeModelInferResponse,
  encodeModelMetadataResponse,
  encodePredictResponseChunks,
  encodeServerMetadataResponse,
  joined,
  type NamedChunks,
  readModelSpec,
  readV2Spec,
  type Tensor,
  v2Of,
} from '../../../src/codec/index.ts';
import { startWireServer } from '../../support/wire.ts';
import { type BridgeModel, bridgeModels } from './models.ts';
import { protoFieldsOf } from './tensor-proto.ts';
import type { RealServer } from './triton.ts';

const notFound = (): StatusError => new StatusError(Code.NOT_FOUND, 'Model with requested name is not found');
const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

function modelOf(name: string): BridgeModel {
  const model = bridgeModels.find((each) => each.name === name);
  if (model === undefined) throw notFound();
  return model;
}

/** What its TensorFlow Serving API accepts of a TensorProto: one encoding for each dtype. */
function checkEncoding(proto: Uint8Array, tensor: Tensor): void {
  const { fields, rank } = protoFieldsOf(proto);
  if (tensor.dtype === 'bool' || tensor.dtype === 'bfloat16')
    throw invalid(`Invalid input precision - Expected: FP32; Actual: ${v2Of(tensor.dtype) ?? ''}`);
  if (tensor.dtype === 'string') {
    if (rank !== 1) throw invalid(`Expected number of binary input shape dimensions: 1; Actual: ${rank}`);
    if (!fields.has('string_val')) throw invalid('Invalid number of strings');
    return;
  }
  const wanted =
    tensor.dtype === 'half' ? 'half_val' : tensor.dtype === 'uint16' ? 'int_val' : 'tensor_content';
  if (!fields.has(wanted)) {
    throw invalid(
      `Invalid content size of tensor proto - Expected: ${tensor.bytes.length} bytes; Actual: 0 bytes; input name: x`,
    );
  }
}

/** Outputs that its TensorFlow Serving API cannot write. */
const unwritable: ReadonlySet<DType> = new Set(['uint32', 'uint64', 'bool']);

function run(model: BridgeModel, inputs: NamedChunks): NamedChunks {
  const x = inputs.get(model.input);
  if (x === undefined) throw invalid(`Missing input with specific name - Required input: ${model.input}`);
  if (x.dtype !== model.inputDtype)
    throw invalid(
      `Invalid input precision - Expected: ${v2Of(model.inputDtype) ?? ''}; Actual: ${v2Of(x.dtype) ?? ''}`,
    );
  if (model.does === 'identity') return new Map([[model.output, x]]);
  if (model.does === 'length' && x.dtype === 'string') {
    const lengths = Float32Array.from(x.values, (value) => joined(value).length);
    return new Map([
      [model.output, { dtype: 'float', shape: x.shape, pieces: [new Uint8Array(lengths.buffer)] }],
    ]);
  }
  if (model.does === 'upper' && x.dtype === 'string') {
    const values = x.values.map((value) => [
      Buffer.from(Buffer.from(joined(value)).toString().toUpperCase()),
    ]);
    return new Map([[model.output, { ...x, values }]]);
  }
  if (x.dtype !== 'double') throw invalid('Invalid input precision');
  const bytes = joined(x.pieces);
  const doubled = Float64Array.from(new Float64Array(Uint8Array.from(bytes).buffer), (value) => value * 2);
  return new Map([[model.output, { ...x, pieces: [new Uint8Array(doubled.buffer)] }]]);
}

const infoOf = (dtype: DType, name: string) => ({
  dtype,
  dtypeNumber: dtypes[dtype].number,
  shape: [-1, -1],
  tensorName: name,
});

type Answer = (message: Uint8Array) => Uint8Array;

const nameOf = (message: Uint8Array): string => {
  const found = readModelSpec(message, true);
  return found?.spec.name ?? '';
};

const tfs: Readonly<Record<string, Answer>> = {
  Predict(message) {
    const { tensors } = decodePredictRequestChunks([message]);
    const { inputs } = decodePredictRequest(message);
    const model = modelOf(nameOf(message));
    for (const [name, proto] of protoFieldsOf.inputs(message))
      checkEncoding(proto, inputs.get(name) as Tensor);
    const outputs = run(model, tensors);
    if (unwritable.has(model.outputDtype))
      throw new StatusError(Code.INTERNAL, 'Output precision is not supported by serving');
    // it never says which model or version ran
    return joined(encodePredictResponseChunks({ spec: undefined, tensors: outputs }));
  },
  GetModelStatus(message) {
    modelOf(nameOf(message));
    return encodeGetModelStatusResponse([{ version: 1n, state: 30, errorCode: 0, errorMessage: 'OK' }]);
  },
  GetModelMetadata(message) {
    const model = modelOf(nameOf(message));
    const signature = {
      name: 'serving_default',
      methodName: '',
      inputs: new Map([[model.input, infoOf(model.inputDtype, model.input)]]),
      outputs: new Map([[model.output, infoOf(model.outputDtype, model.output)]]),
    };
    return encodeGetModelMetadataResponse({
      model: model.name,
      version: 1n,
      signatures: new Map([['serving_default', signature]]),
    });
  },
};

const v2NameOf = (message: Uint8Array): string => readV2Spec(message, true)?.spec.name ?? '';

const kserve = (version: string): Readonly<Record<string, Answer>> => ({
  ServerLive: () => encodeFlagResponse(true),
  ServerReady: () => encodeFlagResponse(true),
  ServerMetadata: () =>
    encodeServerMetadataResponse({ name: 'OpenVINO Model Server', version, extensions: [] }),
  ModelReady(message) {
    modelOf(v2NameOf(message));
    return encodeFlagResponse(true);
  },
  ModelMetadata(message) {
    const { name, input, output, inputDtype, outputDtype } = modelOf(v2NameOf(message));
    const tensor = (each: string, dtype: DType) => ({
      name: each,
      datatype: v2Of(dtype) ?? '',
      shape: [-1, -1],
    });
    return encodeModelMetadataResponse({
      name,
      versions: ['1'],
      platform: 'OpenVINO',
      inputs: [tensor(input, inputDtype)],
      outputs: [tensor(output, outputDtype)],
    });
  },
  ModelInfer(message) {
    const request = decodeModelInferRequest([message]);
    const model = modelOf(request.model);
    if (request.version !== '' && request.version !== '1')
      throw new StatusError(Code.NOT_FOUND, 'Model with requested version is not found');
    for (const [name, { dtype }] of request.inputs)
      if (dtype === 'bfloat16') throw invalid(`Invalid input precision; input name: ${name}`);
    // whatever outputs are asked for, it gives all
    return joined(
      encodeModelInferResponse({
        model: request.model,
        version: '1',
        id: request.id,
        parameters: new Map(),
        outputs: run(model, request.inputs),
        outputParameters: new Map(),
      }),
    );
  },
});

/** @param apis "both" is 2026.2, "kserve" 2026.4 */
export async function startOvms(apis: 'both' | 'kserve'): Promise<Pick<RealServer, 'grpc' | 'stop'>> {
  const answers: ReadonlyMap<string, Answer> = new Map([
    ...Object.entries(kserve(apis === 'both' ? '2026.2.1' : '2026.4.1')).map(
      ([name, answer]) => [`/inference.GRPCInferenceService/${name}`, answer] as const,
    ),
    ...(apis === 'both' ? Object.entries(tfs) : []).map(
      ([name, answer]) =>
        [
          `/tensorflow.serving.${name === 'GetModelStatus' ? 'ModelService' : 'PredictionService'}/${name}`,
          answer,
        ] as const,
    ),
  ]);
  const server = await startWireServer((stream, fields) => {
    const chunks: Buffer[] = [];
    const answer = answers.get(getMetadata(fields, ':path') ?? '');
    return {
      onData(chunk) {
        chunks.push(Buffer.from(chunk));
        stream.credit(chunk.length);
      },
      onEnd() {
        const head = [':status', '200', 'content-type', 'application/grpc'];
        try {
          if (answer === undefined) throw new StatusError(Code.UNIMPLEMENTED, '');
          const message = answer(Buffer.concat(chunks).subarray(5));
          stream.respond(head);
          stream.write(Buffer.concat([messagePrefix(message.length), message]));
          stream.end(['grpc-status', '0']);
        } catch (reason) {
          stream.respond([...head, ...trailersOf(StatusError.from(reason))], true);
        }
      },
    };
  });
  return {
    grpc: `127.0.0.1:${server.port}`,
    stop() {
      server.close();
      return Promise.resolve();
    },
  };
}
