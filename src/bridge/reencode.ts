/**
 * For servers that take fewer encodings of a TensorProto than TensorFlow does: Predict with every tensor written
 * their way.
 */
import { type Filter, flowOf } from '../call/index.ts';
import {
  decodePredictRequestChunks,
  encodePredictRequestChunks,
  type InflateLimits,
  writeOvmsTensor,
} from '../codec/index.ts';
import { requestOf, uncompressedCall } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';

/** OpenVINO Model Server up to 2026.2; replies and every other method pass untouched. */
export function reencode(limits: InflateLimits): Filter {
  return (next) => async (call) => {
    if (call.method.name !== 'Predict') return next(call);
    const rebuilt = new BridgeMemory(call.memory);
    const viewed = call.request.view();
    try {
      const message = await requestOf(call, limits, rebuilt);
      const predict = decodePredictRequestChunks(message, limits.maxMessageBytes);
      const request = encodePredictRequestChunks(predict, writeOvmsTensor);
      rebuilt.made(request);
      return await next(uncompressedCall(call, flowOf(request)));
    } finally {
      viewed();
      rebuilt.end();
    }
  };
}
