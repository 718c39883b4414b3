/** HTTP statuses of answers that are no gRPC, as gRPC statuses. */
import { Code } from '../../base/status.ts';

/** http-grpc-status-mapping.md: for answers that carry no grpc-status. */
const byHttpStatus: Readonly<Record<number, Code>> = {
  400: Code.INTERNAL,
  401: Code.UNAUTHENTICATED,
  403: Code.PERMISSION_DENIED,
  404: Code.UNIMPLEMENTED,
  429: Code.UNAVAILABLE,
  502: Code.UNAVAILABLE,
  503: Code.UNAVAILABLE,
  504: Code.UNAVAILABLE,
};

/** @param status of an answer without a grpc-status @returns UNKNOWN for one that the mapping does not name */
export const codeOfHttpStatus = (status: number): Code => byHttpStatus[status] ?? Code.UNKNOWN;
