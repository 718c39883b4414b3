/** grpc.health.v1 as TF Serving has it behind its flag: three short names, always SERVING, nothing said of models. */
import { Code, StatusError } from '../base/status.ts';
import { decodeHealthCheckRequest, encodeHealthCheckResponse, servingStatus } from '../codec/index.ts';

export const healthService = 'grpc.health.v1.Health';

const known: ReadonlySet<string> = new Set(['', 'ModelService', 'PredictionService']);

/** @throws StatusError NOT_FOUND for a name that is not known, as the health protocol says. */
export function checkHealth(request: Uint8Array): Uint8Array {
  if (!known.has(decodeHealthCheckRequest(request))) {
    throw new StatusError(Code.NOT_FOUND, 'unknown service');
  }
  return encodeHealthCheckResponse(servingStatus.SERVING);
}

/** The first, and only, message of a Watch; a name that is not known is a status there, not an error. */
export function watchHealth(request: Uint8Array): Uint8Array {
  const isKnown = known.has(decodeHealthCheckRequest(request));
  return encodeHealthCheckResponse(isKnown ? servingStatus.SERVING : servingStatus.SERVICE_UNKNOWN);
}
