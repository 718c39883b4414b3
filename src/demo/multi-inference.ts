/** PredictionService.MultiInference: several classify and regress signatures of one model over the same Examples. */
import { Code, StatusError } from '../base/status.ts';
import {
  decodeMultiInferenceRequest,
  defaultSignature,
  encodeMultiInferenceResponse,
  type InferenceResult,
  type InferenceTask,
} from '../codec/index.ts';
import { classifyExamples, regressExamples, withContext } from './examples.ts';
import { methodNames, servedSpec } from './model.ts';
import type { Registry } from './registry.ts';

const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

const keyOf = (task: InferenceTask): string => task.spec?.signature || defaultSignature;

/** One model for all tasks, no signature twice, only the two methods (multi_inference.cc's texts). */
function checkTasks(tasks: readonly InferenceTask[]): void {
  const seen = new Set<string>();
  const name = tasks[0]?.spec?.name;
  if (name === undefined) throw invalid('ModelSpec has no name specified.');
  for (const task of tasks) {
    if (task.spec === undefined || task.spec.name === '') {
      throw invalid('Found ModelSpec with an empty model name.');
    }
    if (task.spec.name !== name) {
      throw invalid('All ModelSpecs in a MultiInferenceRequest must access the same model name.');
    }
    const key = keyOf(task);
    if (seen.has(key)) throw invalid(`Duplicate evaluation of signature: ${key}`);
    seen.add(key);
  }
}

/**
 * Handles PredictionService.MultiInference.
 * @throws StatusError INVALID_ARGUMENT for tasks that do not fit together, UNIMPLEMENTED for other methods than
 * classify and regress
 */
export function multiInference(registry: Registry, request: Uint8Array): Uint8Array {
  const { tasks, examples: own, context } = decodeMultiInferenceRequest(request);
  checkTasks(tasks);
  // The first task's version choice serves all.
  const servable = registry.resolve(tasks[0]?.spec);
  const examples = withContext(own, context);
  const results = tasks.map((task): InferenceResult => {
    const key = keyOf(task);
    if (!servable.signatures.has(key)) {
      throw invalid(`Requested signature not found in model graph: ${key}`);
    }
    const spec = servedSpec(servable.name, servable.version, key);
    if (task.methodName === methodNames.classify) {
      return { spec, kind: 'classification', results: classifyExamples(servable, key, examples) };
    }
    if (task.methodName === methodNames.regress) {
      return { spec, kind: 'regression', values: regressExamples(servable, key, examples) };
    }
    throw new StatusError(Code.UNIMPLEMENTED, `Unsupported signature method_name: ${task.methodName}`);
  });
  return encodeMultiInferenceResponse(results);
}
