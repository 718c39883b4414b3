/** Calls in one API before servers that speak another. */
export { unaryCaller, plainMetadata, refusedReply, requestOf } from './backend-call.ts';
export { type AddBatchDimension, addBatchDimension, type BatchDimensionOptions } from './batch-dimension.ts';
export { BridgeMemory } from './bridge-memory.ts';
export { createBridge } from './bridge.ts';
export { extensionAnswer, extensionBridge, extensionPath } from './extensions.ts';
export { type BackendAnswer, fleetWide, type WideFleet, type WideQuestion } from './fleet-wide/index.ts';
export { generateBridge, generatePath } from './generate.ts';
export { HalfModels } from './half-models.ts';
export { eventOf, inferStreamBridge, onlyJson } from './infer-stream.ts';
export type { Inference, ModelServer } from './inference.ts';
export { reencode } from './reencode.ts';
export {
  jsonOf,
  lacksPath,
  type RestAnswer,
  type RestAsk,
  type RestQuestion,
  successful,
} from './rest-call.ts';
export { tensorContent, type TensorContentOptions } from './tensor-content.ts';
export { KnownSignatures, tfsRestServer } from './tfs-rest.ts';
export { tfsDialect, tfsServer } from './tfs.ts';
export { V2Question } from './v2-json.ts';
export {
  abilitiesOf,
  isV1List,
  metadataIn,
  passesInfer,
  pathFor,
  restInferQuestion,
  type V2Abilities,
  v2RestServer,
} from './v2-rest.ts';
export { v2Dialect, v2Server } from './v2.ts';
