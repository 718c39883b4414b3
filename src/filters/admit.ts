/** Refuses what must not pass, before anything is spent on it. */
import { Code, StatusError } from '../base/status.ts';
import type { Filter, Method } from '../call/index.ts';

export interface AdmitOptions {
  /** Methods that change a model server are passed on. */
  readonly allowAdmin: boolean;
  /** gRPC services that the gateway does not know are passed on. */
  readonly passthrough: boolean;
}

/** The refusal of methods that change a server. */
function adminRefusal(method: Method): StatusError {
  return new StatusError(
    Code.PERMISSION_DENIED,
    `${method.path} changes a model server: the gateway refuses it unless its configuration allows it`,
  );
}

function unknownRefusal({ path }: Method): StatusError {
  return new StatusError(
    Code.UNIMPLEMENTED,
    `unknown method ${path.slice(0, 200)}: the gateway forwards services that it does not know only with --passthrough`,
  );
}

/**
 * Rejects administrative methods with PERMISSION_DENIED and methods of unknown services with UNIMPLEMENTED,
 * each unless its option allows it.
 */
export function admitFilter({ allowAdmin, passthrough }: AdmitOptions): Filter {
  return (next) => (call) => {
    if (call.method.admin && !allowAdmin) return Promise.reject(adminRefusal(call.method));
    if (call.method.api === 'other' && !passthrough) return Promise.reject(unknownRefusal(call.method));
    return next(call);
  };
}
