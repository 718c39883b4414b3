/** The room's front door: what every other room may use of it. */
export { Catalog, type CatalogContext, type CatalogDeps, type CatalogOptions } from './catalog.ts';
export {
  abilitiesOf,
  type AddBatchDimension,
  addBatchDimension,
  asker,
  type BatchDimensionOptions,
  createBridge,
  type Door,
  eventOf,
  extensionAnswer,
  extensionBridge,
  extensionPath,
  generateBridge,
  generatePath,
  HalfModels,
  inferStreamBridge,
  isV1List,
  jsonOf,
  KnownSignatures,
  plainMetadata,
  kserveDoor,
  kserveRestServer,
  kserveServer,
  lacksPath,
  onlyJson,
  Rebuilt,
  reencode,
  refusedReply,
  metadataIn,
  passesInfer,
  pathFor,
  requestOf,
  type RestAnswer,
  type RestAsk,
  type RestQuestion,
  restInferQuestion,
  successful,
  tensorContent,
  type TensorContentOptions,
  tfsDoor,
  tfsRestServer,
  tfsServer,
  type V2Abilities,
  V2Question,
  VersionNames,
} from './dialects/index.ts';
export { extensionsOfAll } from './extensions.ts';
export {
  backendField,
  type BackendAnswer,
  fleetWide,
  type FleetWideDeps,
  type WideFleet,
  wideFields,
  type WideQuestion,
} from './fleet-wide/index.ts';
export type { Inference, InferenceReply, ModelDescription, ModelServer } from './inference.ts';
export {
  extensionMethods,
  generateMethods,
  isExtension,
  isGenerate,
  isInformation,
  jsonLengthHeader,
  methodOf,
  methods,
  otherApiNow,
  purposeOf,
  restInferMethod,
} from './methods.ts';
export { inProtocol } from './missing.ts';
export { listedVersion, versionOf } from './repository.ts';
export { signatureSource } from './signatures.ts';
export {
  createRouter,
  type Destination,
  type NameRoute,
  type Part,
  type Router,
  type RouterContext,
  type Rule,
} from './router.ts';
export { isSpecOf, specOf, targetOf } from './target.ts';
export { declaresNothing, isV1, v1Methods } from './v1.ts';
export {
  type ModelState,
  type ModelView,
  stateName,
  stateNumber,
  type VersionState,
  type VersionStateName,
} from './view.ts';
