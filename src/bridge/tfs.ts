/** TensorFlow Serving's gRPC API: what its calls mean, and how its servers are asked. */
import { Code, StatusError } from '../base/status.ts';
import {
  decodeGetModelMetadataRequest,
  decodeGetModelMetadataResponse,
  decodeGetModelStatusRequest,
  decodeGetModelStatusResponse,
  decodePredictRequestChunks,
  decodePredictResponseChunks,
  defaultSignature,
  encodeGetModelMetadataRequest,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusRequest,
  encodeGetModelStatusResponse,
  encodePredictRequestChunks,
  encodePredictResponseChunks,
  joined,
  type ModelSpec,
  noParameters,
  readControl,
  type WriteTensor,
} from '../codec/index.ts';
import { methodOf, specOf, stateName, stateNumber, targetOf, type VersionState } from '../models/index.ts';
import type { Ask } from './backend-call.ts';
import type { ModelServer } from './inference.ts';
import { plainOutputs, wantedOutputs } from './outputs.ts';
import type { RequestDialect } from './request-dialect.ts';

const prediction = '/tensorflow.serving.PredictionService';
const methods = {
  predict: methodOf(`${prediction}/Predict`),
  metadata: methodOf(`${prediction}/GetModelMetadata`),
  status: methodOf('/tensorflow.serving.ModelService/GetModelStatus'),
};

function named(spec: ModelSpec | undefined): ModelSpec {
  if (spec === undefined) throw new StatusError(Code.INVALID_ARGUMENT, 'Missing ModelSpec');
  if (spec.name === '') throw new StatusError(Code.INVALID_ARGUMENT, 'ModelSpec has no name specified.');
  return spec;
}

/** What TensorFlow Serving's clients ask, put to any server. */
export const tfsDialect: RequestDialect = {
  name: "TensorFlow Serving's API",
  calls: new Map([
    [
      'Predict',
      async (message, server, { maxBytes }) => {
        const { spec, tensors, outputFilter } = decodePredictRequestChunks(message, maxBytes);
        const { name, signature, ...version } = named(spec);
        const target = targetOf({ name, signature, ...version });
        const reply = await server.infer({
          target,
          id: '',
          parameters: noParameters,
          inputs: tensors,
          inputParameters: new Map(),
          outputs: outputFilter.map((output) => ({ name: output, parameters: noParameters })),
        });
        return encodePredictResponseChunks({
          spec: {
            name,
            signature: signature === '' ? defaultSignature : signature,
            ...(reply.version === undefined ? {} : { version: reply.version }),
          },
          tensors: wantedOutputs(reply.outputs, outputFilter),
        });
      },
    ],
    [
      'GetModelStatus',
      async (message, server) => {
        const { name, version } = named(decodeGetModelStatusRequest(joined(message)));
        // as in TensorFlow Serving, a label does not choose here
        const states = await server.status(
          targetOf({ name, signature: '', ...(version === undefined ? {} : { version }) }),
        );
        return [
          encodeGetModelStatusResponse(
            states.map(({ state, ...rest }) => ({ ...rest, state: stateNumber(state) })),
          ),
        ];
      },
    ],
    [
      'GetModelMetadata',
      async (message, server) => {
        const { spec, fields } = decodeGetModelMetadataRequest(joined(message));
        const { name, ...rest } = named(spec);
        if (fields.length === 0) {
          throw new StatusError(
            Code.INVALID_ARGUMENT,
            'GetModelMetadataRequest must specify at least one metadata_field',
          );
        }
        const other = fields.find((field) => field !== 'signature_def');
        if (other !== undefined)
          throw new StatusError(
            Code.INVALID_ARGUMENT,
            `Metadata field ${other.slice(0, 100)} is not supported`,
          );
        const { version, signatures } = await server.describe(targetOf({ name, ...rest }));
        return [encodeGetModelMetadataResponse({ model: name, version, signatures })];
      },
    ],
  ]),
};

/** Decodes a GetModelStatusResponse (get_model_status.proto) with the states by name. */
export function versionStates(message: Uint8Array): VersionState[] {
  return readControl(decodeGetModelStatusResponse, message).map(({ state, ...rest }) => ({
    ...rest,
    state: stateName(state),
  }));
}

/** A server that speaks it. @param write how it wants its tensors encoded */
export function tfsServer(ask: Ask, maxBytes: number, write?: WriteTensor): ModelServer {
  const status: ModelServer['status'] = async (target) =>
    versionStates(joined(await ask(methods.status, encodeGetModelStatusRequest(specOf(target)))));
  return {
    v2: undefined,
    status,
    async infer({ target, inputs, outputs }) {
      const spec = specOf(target);
      const outputFilter = plainOutputs(outputs);
      const request = encodePredictRequestChunks({ spec, tensors: inputs, outputFilter }, write);
      const reply = decodePredictResponseChunks(await ask(methods.predict, request), maxBytes);
      const version = reply.spec?.version ?? target.version;
      return {
        version,
        versionText: version === undefined ? '' : String(version),
        id: '',
        parameters: noParameters,
        outputs: reply.tensors,
        outputParameters: new Map(),
      };
    },
    async describe(target) {
      const asked = ask(methods.metadata, encodeGetModelMetadataRequest(specOf(target)));
      const [message, states] = await Promise.all([asked, status({ model: target.model, signature: '' })]);
      const { version, signatures } = readControl(decodeGetModelMetadataResponse, joined(message));
      const versions = states.filter(({ state }) => state === 'AVAILABLE').map((each) => each.version);
      return { version, versions: versions.reverse(), platform: 'tensorflow', signatures };
    },
  };
}
