/** The bodies of KServe V2's REST API, with the binary tensor extension. */
export { mayDeclareMoreThan } from './declared.ts';
export { decodeGenerateJson, encodeGenerateJson } from './generate.ts';
export { decodeV2InferJson, decodeV2ReplyJson, V2Body } from './infer-decoder.ts';
export { encodeV2InferJson, encodeV2ReplyJson, type V2JsonBody } from './infer-encoder.ts';
export { decodeV2MetadataJson, encodeV2MetadataJson } from './metadata.ts';
export { rawInput } from './raw.ts';
export type { TensorOptions } from './tensors.ts';
export { versionIn } from './version.ts';
