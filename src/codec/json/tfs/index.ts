/** The bodies of TensorFlow Serving's REST API: predict, classify and regress. */
export { examplesBody } from './examples-decoder.ts';
export { encodeClassifyJson, encodeRegressJson, errorBody } from './examples-encoder.ts';
export { decodePredictReplyJson, encodePredictRequestJson } from './predict-client.ts';
export { type DecodedPredict, predictBody, type SignatureSource } from './predict-decoder.ts';
export { encodePredictJson } from './predict-encoder.ts';
export { maxUndeclaredBytes, undeclaredSignature } from './undeclared.ts';
