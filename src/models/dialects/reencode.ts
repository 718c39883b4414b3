/** For servers that take fewer encodings of a TensorProto than TensorFlow does: Predict with every tensor written their way. */
import { type Filter, flowOf } from '../../call/index.ts';
import {
  decodePredictRequestPieces,
  encodePredictRequestPieces,
  writeOvmsTensor,
} from '../../codec/index.ts';
import { requestOf, uncompressedCall } from './exchange.ts';

/** OpenVINO Model Server up to 2026.2; replies and every other method pass untouched. */
export function reencode(maxMessageBytes: number): Filter {
  return (next) => async (call) => {
    if (call.method.name !== 'Predict') return next(call);
    const predict = decodePredictRequestPieces(await requestOf(call, maxMessageBytes), maxMessageBytes);
    const request = flowOf(encodePredictRequestPieces(predict, writeOvmsTensor));
    return next(uncompressedCall(call, request));
  };
}
