/** A backend's stream that was reset, or that broke a rule, as the error of its attempt. */
import { Code, StatusError } from '../../base/status.ts';
import { connectionLost, ErrorCode, ownFault } from '../../wire/index.ts';

/**
 * An answer that breaks HTTP/2's rules. Another attempt would bring the same, here or elsewhere, if the request is
 * what brings it.
 * @param fault to stand behind "answered with"
 */
export function malformedAnswer(where: string, fault: string): StatusError {
  return new StatusError(Code.INTERNAL, `backend ${where} answered with ${fault}`, { where });
}

/**
 * RST_STREAM codes as gRPC statuses (PROTOCOL-HTTP2.md).
 * @param connection told apart from others, when it was lost
 */
export function resetError(
  code: number,
  where: string,
  notProcessed: boolean,
  connection: object,
): StatusError {
  const unstarted = notProcessed ? 'not-started' : undefined;
  const details = { where, disposition: unstarted } as const;
  switch (code) {
    case ownFault:
      return new StatusError(Code.INTERNAL, 'internal error of the gateway', details);
    case connectionLost:
      return new StatusError(Code.UNAVAILABLE, `backend ${where}: the connection was lost`, {
        where,
        disposition: unstarted ?? 'connection-lost',
        lostConnection: connection,
      });
    case ErrorCode.REFUSED_STREAM:
      return new StatusError(Code.UNAVAILABLE, `backend ${where} refused the stream`, details);
    case ErrorCode.CANCEL:
      return new StatusError(Code.CANCELLED, `backend ${where} cancelled the call`, details);
    case ErrorCode.ENHANCE_YOUR_CALM:
      return new StatusError(Code.RESOURCE_EXHAUSTED, `backend ${where} asks for fewer calls`, details);
    case ErrorCode.INADEQUATE_SECURITY:
      return new StatusError(Code.PERMISSION_DENIED, `backend ${where} asks for better security`, details);
    default:
      return new StatusError(Code.INTERNAL, `backend ${where} reset the stream with HTTP/2 error ${code}`, {
        where,
        disposition: unstarted ?? 'stream-reset',
      });
  }
}
