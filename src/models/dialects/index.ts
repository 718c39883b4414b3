/** The APIs that doors and backends speak, and the bridges between them. */
export { type AddBatchDimension, addBatchDimension, type BatchDimensionOptions } from './batch-dimension.ts';
export { createBridge } from './bridge.ts';
export type { Door } from './door.ts';
export { asker, plainMetadata, refusedReply, requestOf } from './exchange.ts';
export { extensionAnswer, extensionBridge, extensionPath } from './extensions.ts';
export { generateBridge, generatePath } from './generate.ts';
export { HalfModels } from './half-models.ts';
export { eventOf, inferStreamBridge, onlyJson } from './infer-stream.ts';
export type { RestAnswer, RestAsk, RestQuestion } from './http.ts';
export { jsonOf, lacksPath, successful } from './http.ts';
export {
  abilitiesOf,
  isV1List,
  kserveRestServer,
  metadataIn,
  pathFor,
  passesInfer,
  restInferQuestion,
  type V2Abilities,
} from './kserve-rest.ts';
export { kserveDoor, kserveServer } from './kserve.ts';
export { Rebuilt } from './rebuilt.ts';
export { reencode } from './reencode.ts';
export { KnownSignatures, tfsRestServer } from './tfs-rest.ts';
export { tensorContent, type TensorContentOptions } from './tensor-content.ts';
export { tfsDoor, tfsServer } from './tfs.ts';
export { V2Question } from './v2-json.ts';
export { VersionNames } from './versions.ts';
