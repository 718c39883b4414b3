/** The demo server's RPC methods by path: request bytes in, reply chunks out. */
import { decodeGetModelStatusRequest, encodeGetModelStatusResponse, readModelSpec } from '../codec/index.ts';
import { classify, regress } from './examples.ts';
import { checkHealth, healthService } from './health.ts';
import { multiInference } from './multi-inference.ts';
import { getModelMetadata, predict } from './predict.ts';
import type { Registry } from './registry.ts';
import { reloadConfig } from './reload.ts';

export interface UnaryMethod {
  readonly service: string;
  readonly name: string;
  /** Predict and its like: what faults hit by default. */
  readonly inference: boolean;
  /** The model's name, for the record; empty when the request names none. */
  model(request: Uint8Array): string;
  answer(request: Uint8Array): readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
}

const prediction = 'tensorflow.serving.PredictionService';
const modelService = 'tensorflow.serving.ModelService';

/** Best effort: a broken request has no model. */
function modelName(request: Uint8Array): string {
  try {
    return readModelSpec(request, true)?.spec.name ?? '';
  } catch {
    return '';
  }
}

export interface ServiceOptions {
  /** Predict answers tensor_content (OVMS, and TF Serving with its flag) in place of typed values. */
  readonly tensorContent: boolean;
  /** How long a model that a config reload brings in takes to load. */
  readonly loadingMs: number;
}

/** Lists the unary methods of TensorFlow Serving's services with their handlers. */
export function unaryMethods(registry: Registry, options: ServiceOptions): readonly UnaryMethod[] {
  const method = (
    service: string,
    name: string,
    inference: boolean,
    answer: UnaryMethod['answer'],
    model = modelName,
  ): UnaryMethod => ({ service, name, inference, answer, model });
  const noModel = (): string => '';
  return [
    method(prediction, 'Predict', true, (request) => predict(registry, request, options.tensorContent)),
    method(prediction, 'Classify', true, (request) => [classify(registry, request)]),
    method(prediction, 'Regress', true, (request) => [regress(registry, request)]),
    method(prediction, 'MultiInference', true, (request) => [multiInference(registry, request)], noModel),
    method(prediction, 'GetModelMetadata', false, (request) => [getModelMetadata(registry, request)]),
    method(modelService, 'GetModelStatus', false, (request) => [
      encodeGetModelStatusResponse(registry.status(decodeGetModelStatusRequest(request))),
    ]),
    method(
      modelService,
      'HandleReloadConfigRequest',
      false,
      async (request) => [await reloadConfig(registry, request, options.loadingMs)],
      noModel,
    ),
    method(healthService, 'Check', false, (request) => [checkHealth(request)], noModel),
  ];
}
