/** The protobuf messages of TensorFlow Serving, health and reflection: bytes in, plain objects out, and back. */
export {
  decodeExample,
  decodeExamplesRequest,
  decodeMultiInferenceRequest,
  encodeExample,
  encodeExamplesRequest,
  encodeInput,
  encodeMultiInferenceRequest,
  type ExamplesRequest,
  type InferenceTask,
  type MultiInferenceRequest,
} from './examples.ts';
export {
  decodeHealthCheckRequest,
  decodeHealthCheckResponse,
  encodeHealthCheckRequest,
  encodeHealthCheckResponse,
  encodeHealthListResponse,
  servingStatus,
} from './health.ts';
export {
  decodeGetModelMetadataRequest,
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
  encodeGetModelMetadataResponse,
  signatureDefType,
} from './model-metadata.ts';
export {
  encodeModelSpec,
  newSpec,
  type FoundSpec,
  type ModelSpec,
  readModelSpec,
  readTaskSpec,
  replaceModelSpec,
  replaceTaskSpecs,
} from './model-spec.ts';
export {
  decodeGetModelStatusRequest,
  decodeGetModelStatusResponse,
  encodeGetModelStatusRequest,
  encodeGetModelStatusResponse,
  modelState,
  type ModelVersionStatus,
  type StatusProto,
} from './model-status.ts';
export {
  decodeFlagResponse,
  decodeModelInferRequest,
  decodeModelInferResponse,
  decodeModelMetadataResponse,
  decodeModelStreamInferResponse,
  decodeModelVersionRequest,
  decodeRepositoryIndexRequest,
  decodeRepositoryIndexResponse,
  decodeServerMetadataResponse,
  decodeHttpBody,
  decodeMemoryRequest,
  decodeMemoryStatus,
  decodeSettings,
  encodeFlagResponse,
  decodeRepositoryChange,
  encodeModelConfigResponse,
  encodeModelInferRequest,
  encodeModelInferResponse,
  encodeModelStreamInferResponse,
  encodeModelMetadataResponse,
  encodeModelStatisticsResponse,
  encodeModelVersionRequest,
  encodeRepositoryChange,
  encodeRepositoryIndexRequest,
  encodeRepositoryIndexResponse,
  encodeServerMetadataResponse,
  encodeHttpBody,
  type HttpBody,
  maxHttpHeadBytes,
  idOfModelInferRequest,
  encodeMemoryRequest,
  encodeMemoryStatus,
  encodeSettings,
  memoryMethod,
  encodeV2Spec,
  mapMembers,
  modelConfigJson,
  modelStatisticsJson,
  readV2Spec,
  replaceV2Spec,
  repositoryParametersIn,
  repositoryParametersJson,
  settingsIn,
  specOfV2,
  type V2RepositoryChange,
  type V2RepositoryParameter,
  type V2MemoryQuestion,
  type V2SettingKind,
  type V2Settings,
  versionTextOf,
} from './kserve/index.ts';
export {
  mayBeScalarText,
  readInputOutlines,
  type TensorOutline,
  withLeadingDimension,
  withoutLeadingDimension,
} from './leading-dimension.ts';
export { withTensorContent } from './tensor-content.ts';
export { isUnambiguousPredict } from './unambiguous-predict.ts';
export {
  decodePredictRequestPieces,
  decodePredictResponsePieces,
  encodePredictRequestPieces,
  encodePredictResponsePieces,
  type PredictPieces,
  type WriteTensor,
  writeTensorPieces,
} from './predict-pieces.ts';
export { writeOvmsTensor } from './ovms-tensor.ts';
export {
  decodePredictRequest,
  decodePredictResponse,
  encodePredictRequest,
  encodePredictResponse,
  type PredictRequest,
  type PredictResponse,
} from './predict.ts';
export { decodeLoadReport, type LoadReport } from './load-report.ts';
export {
  decodeReflectionRequest,
  encodeReflectionResponse,
  type ReflectionAnswer,
  type ReflectionRequest,
} from './reflection.ts';
export {
  decodeReloadConfigRequest,
  decodeReloadConfigResponse,
  encodeReloadConfigResponse,
  type ModelConfig,
  type VersionPolicy,
} from './reload-config.ts';
export {
  type ClassificationResponse,
  type ClassScore,
  decodeClassificationResponse,
  decodeMultiInferenceResponse,
  decodeRegressionResponse,
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
  type InferenceResult,
  type RegressionResponse,
} from './results.ts';
export { TargetWatch } from './target-watch.ts';
export { decodeTensor, defaultMaxTensorBytes } from './tensor-decode.ts';
export { encodeTensor } from './tensor-encode.ts';
export { reflectionFiles, type ReflectionFile } from './reflection-files.ts';
export { readInferSequence, readPredictSequence, type SequenceControl } from './sequence.ts';
export { withInferSequenceId, withPredictSequenceId } from './sequence-id.ts';
