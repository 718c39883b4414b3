/** The messages of TensorFlow Serving. */
export {
  decodeExample,
  decodeExamplesRequest,
  decodeMultiInferenceRequest,
  encodeExample,
  encodeExamplesRequest,
  encodeInput,
  encodeMultiInferenceRequest,
  type InferenceTask,
} from './examples.ts';
export {
  mayBeScalarText,
  readInputOutlines,
  type TensorOutline,
  withLeadingDimension,
  withoutLeadingDimension,
} from './leading-dimension.ts';
export {
  decodeGetModelMetadataRequest,
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
  encodeGetModelMetadataResponse,
} from './model-metadata.ts';
export {
  encodeModelSpec,
  newSpec,
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
} from './model-status.ts';
export { writeOvmsTensor } from './ovms-tensor.ts';
export {
  decodePredictRequestChunks,
  decodePredictResponseChunks,
  encodePredictRequestChunks,
  encodePredictResponseChunks,
  type WriteTensor,
} from './predict-chunks.ts';
export {
  decodePredictRequest,
  decodePredictResponse,
  encodePredictRequest,
  encodePredictResponse,
  type PredictResponse,
} from './predict.ts';
export {
  decodeReloadConfigRequest,
  decodeReloadConfigResponse,
  encodeReloadConfigResponse,
  type ModelConfig,
} from './reload-config.ts';
export {
  type ClassScore,
  decodeClassificationResponse,
  decodeMultiInferenceResponse,
  decodeRegressionResponse,
  encodeClassificationResponse,
  encodeMultiInferenceResponse,
  encodeRegressionResponse,
  type InferenceResult,
} from './results.ts';
export { withTensorContent } from './tensor-content.ts';
export { decodeTensor } from './tensor-decode.ts';
export { isUnambiguousPredict } from './unambiguous-predict.ts';
