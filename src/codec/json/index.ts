/** JSON in and out: predict, classify and regress bodies of TensorFlow Serving's REST API. */
export type { JsonBody } from './body.ts';
export { maxUndeclaredBytes, undeclaredSignature } from './undeclared.ts';
export type { DtypeOptions } from './column.ts';
export { type DecodedExamples, examplesBody } from './examples-decoder.ts';
export { encodeClassifyJson, encodeRegressJson, errorBody } from './examples-encoder.ts';
export { BodyTooLarge, type JsonLimits } from './limits.ts';
export {
  type DecodedPredict,
  predictBody,
  type PredictFormat,
  type SignatureSource,
} from './predict-decoder.ts';
export type { NonFinite } from './non-finite.ts';
export { encodePredictJson } from './predict-encoder.ts';
export {
  decodeGenerateJson,
  decodeV2InferJson,
  decodeV2MetadataJson,
  decodeV2ReplyJson,
  encodeGenerateJson,
  encodeV2InferJson,
  encodeV2MetadataJson,
  encodeV2ReplyJson,
  rawInput,
  type TensorOptions,
  mayDeclareMoreThan,
  V2Body,
  type V2JsonBody,
  versionIn,
} from './v2/index.ts';
export { decodePredictReplyJson, encodePredictRequestJson } from './predict-client.ts';
export { type LentPieces, wholeText } from './slice.ts';
