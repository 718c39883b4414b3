/** grpc.health.v1 (health.proto of grpc/grpc-proto). */
import { Reader, wire } from './reader.ts';
import { Writer } from './writer.ts';

/** HealthCheckResponse.ServingStatus. */
export const servingStatus = { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } as const;

/** The service that is asked about; "" is the server as a whole. */
export function decodeHealthCheckRequest(bytes: Uint8Array): string {
  const reader = new Reader(bytes);
  let service = '';
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) service = reader.string();
    else reader.skip();
  }
  return service;
}

/** Encodes a HealthCheckRequest (health.proto). @param service "" for the server as a whole */
export function encodeHealthCheckRequest(service: string): Uint8Array {
  return new Writer().string(1, service).finish();
}

/** @param status a number of `servingStatus` */
export function encodeHealthCheckResponse(status: number): Uint8Array {
  return new Writer().int32(1, status).finish();
}

/**
 * Returns HealthCheckResponse.status, a number of `servingStatus`; 0 when the field is absent.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeHealthCheckResponse(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  let status = 0;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) status = reader.int32();
    else reader.skip();
  }
  return status;
}

/** HealthListResponse: the status of every service by its name. */
export function encodeHealthListResponse(statuses: ReadonlyMap<string, number>): Uint8Array {
  const writer = new Writer();
  for (const [service, status] of statuses) {
    writer.message(1, new Writer().string(1, service).message(2, new Writer().int32(1, status)));
  }
  return writer.finish();
}
