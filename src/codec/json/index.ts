/** Bodies in JSON, read as they arrive and written at the client's pace. */
export { JsonBody } from './body.ts';
export { BodyTooLarge, type JsonLimits } from './limits.ts';
export type { NonFinite } from './non-finite.ts';
export { type LentChunks, wholeText } from './slice.ts';
export {
  type DecodedPredict,
  decodePredictReplyJson,
  encodeClassifyJson,
  encodePredictJson,
  encodePredictRequestJson,
  encodeRegressJson,
  errorBody,
  examplesBody,
  maxUndeclaredBytes,
  predictBody,
  type SignatureSource,
  undeclaredSignature,
} from './tfs/index.ts';
export {
  decodeGenerateJson,
  decodeV2InferJson,
  decodeV2MetadataJson,
  decodeV2ReplyJson,
  encodeGenerateJson,
  encodeV2InferJson,
  encodeV2MetadataJson,
  encodeV2ReplyJson,
  mayDeclareMoreThan,
  rawInput,
  type TensorOptions,
  V2Body,
  type V2JsonBody,
  versionIn,
} from './v2/index.ts';
