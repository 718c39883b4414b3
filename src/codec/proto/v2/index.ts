/** The messages of KServe V2 and of Triton's extensions of it. */
export { decodeHttpBody, encodeHttpBody, type HttpBody, maxHttpHeadBytes } from './http-body.ts';
export {
  decodeModelInferRequest,
  decodeModelInferResponse,
  decodeModelStreamInferResponse,
  encodeModelInferRequest,
  encodeModelInferResponse,
  encodeModelStreamInferResponse,
  idOfModelInferRequest,
} from './infer.ts';
export { encodeModelConfigResponse, encodeModelStatisticsResponse } from './json-message.ts';
export { modelConfigJson, modelStatisticsJson } from './message-json.ts';
export { mapMembers } from './model-config.ts';
export {
  decodeFlagResponse,
  decodeModelMetadataResponse,
  decodeModelVersionRequest,
  decodeRepositoryIndexRequest,
  decodeRepositoryIndexResponse,
  decodeServerMetadataResponse,
  encodeFlagResponse,
  encodeModelMetadataResponse,
  encodeModelVersionRequest,
  encodeRepositoryIndexRequest,
  encodeRepositoryIndexResponse,
  encodeServerMetadataResponse,
} from './models.ts';
export {
  decodeRepositoryChange,
  encodeRepositoryChange,
  repositoryParametersIn,
  repositoryParametersJson,
  type V2RepositoryChange,
  type V2RepositoryParameter,
} from './repository.ts';
export {
  decodeSettings,
  encodeSettings,
  settingsIn,
  type V2SettingKind,
  type V2Settings,
} from './settings.ts';
export {
  decodeMemoryRequest,
  decodeMemoryStatus,
  encodeMemoryRequest,
  encodeMemoryStatus,
  memoryMethod,
  type V2MemoryQuestion,
} from './shared-memory.ts';
export { encodeV2Spec, readV2Spec, replaceV2Spec, specOfV2, versionTextOf } from './target.ts';
export { datatypeOf, rawOf, rawTensor } from './tensors.ts';
