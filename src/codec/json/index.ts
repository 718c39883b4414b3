/** JSON in and out: predict, classify and regress bodies of TensorFlow Serving's REST API. */
export {
  type DecodedExamples,
  decodeExamplesJson,
  encodeClassifyJson,
  encodeRegressJson,
  errorBody,
} from './examples-json.ts';
export type { JsonLimits } from './limits.ts';
export {
  BodyCollector,
  checkJson,
  type DecodedPredict,
  type PredictFormat,
  PredictJsonDecoder,
  type SignatureSource,
} from './predict-decoder.ts';
export { encodePredictJson } from './predict-encoder.ts';
