/** Errors of the gateway itself below a proxied prefix, in the shape that clients of OpenAI's API read. */
import { Code, codeName, StatusError } from '../../base/status.ts';
import { httpStatus } from '../json/index.ts';

/** A StatusError for which HTTP has a status of its own. */
export class ProxyError extends StatusError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string) {
    super(Code.INVALID_ARGUMENT, message);
    this.httpStatus = httpStatus;
  }
}

/**
 * HTTP status of an error: a ProxyError's own, 502 for a backend that broke off, else as `httpStatus()` maps its
 * code.
 */
export function statusOfError(error: StatusError): number {
  if (error instanceof ProxyError) return error.httpStatus;
  // a backend that was asked and broke off is a bad gateway; nobody to ask is 503
  if (error.code === Code.UNAVAILABLE && error.disposition !== 'not-started') return 502;
  return httpStatus(error.code);
}

/** `message` is what clients show; `type` and `code` are what programs compare. */
export function openAiError(error: StatusError): { error: object } {
  const status = statusOfError(error);
  return {
    error: {
      message: error.message,
      type: status < 500 ? 'invalid_request_error' : 'server_error',
      param: null,
      code: codeName(error.code).toLowerCase(),
    },
  };
}
