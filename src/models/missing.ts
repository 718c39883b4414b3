/** How a server says of a question about a model that it has no such one. */
import { Code, StatusError } from '../base/status.ts';

/**
 * MLServer (1.7) does not catch its own exception where readiness is asked over gRPC: UNKNOWN, with the class before
 * the words that its REST has.
 */
const uncaught = /^Unexpected <class 'mlserver\.errors\.ModelNotFound'>: /;

/** The reason in the protocol's terms: NOT_FOUND where a server says that it has no such model or version. */
export function inProtocol(reason: unknown): unknown {
  if (!(reason instanceof StatusError) || !reason.fromBackend || !uncaught.test(reason.message))
    return reason;
  const { where } = reason;
  const details = { fromBackend: true, cause: reason, ...(where === undefined ? {} : { where }) };
  return new StatusError(Code.NOT_FOUND, reason.message.replace(uncaught, ''), details);
}
