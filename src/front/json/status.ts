/** gRPC statuses as HTTP ones: the table of TensorFlow Serving's REST API, for all JSON APIs of the gateway. */
import { Code } from '../../base/status.ts';

const byCode: Readonly<Record<number, number>> = {
  [Code.OK]: 200,
  // TensorFlow Serving says 499, which makes HTTP clients stumble that know only registered codes
  [Code.CANCELLED]: 400,
  [Code.UNKNOWN]: 500,
  [Code.INVALID_ARGUMENT]: 400,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.NOT_FOUND]: 404,
  [Code.ALREADY_EXISTS]: 409,
  [Code.PERMISSION_DENIED]: 403,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.FAILED_PRECONDITION]: 400,
  [Code.ABORTED]: 409,
  [Code.OUT_OF_RANGE]: 400,
  [Code.UNIMPLEMENTED]: 501,
  [Code.INTERNAL]: 500,
  [Code.UNAVAILABLE]: 503,
  [Code.DATA_LOSS]: 500,
  [Code.UNAUTHENTICATED]: 401,
};

/** HTTP status of a gRPC status code; 500 for a code that gRPC does not define. */
export function httpStatus(code: number): number {
  return byCode[code] ?? 500;
}
