/** xds.data.orca.v3.OrcaLoadReport (orca_load_report.proto): what a server says of its own load. */
import { Reader, wire } from './reader.ts';

export interface LoadReport {
  /**
   * Share of the server that is in use, by the application's own measure or else of its CPU; above 1 when overloaded.
   */
  readonly utilization: number;
  /** Calls and errors a second. */
  readonly qps: number;
  readonly eps: number;
}

/** @throws StatusError INVALID_ARGUMENT when it is malformed */
export function decodeLoadReport(bytes: Uint8Array): LoadReport {
  const reader = new Reader(bytes);
  let cpu = 0;
  let application = 0;
  let qps = 0;
  let eps = 0;
  while (reader.next()) {
    if (reader.is(1, wire.fixed64)) cpu = reader.double();
    else if (reader.is(6, wire.fixed64)) qps = reader.double();
    else if (reader.is(7, wire.fixed64)) eps = reader.double();
    else if (reader.is(9, wire.fixed64)) application = reader.double();
    else reader.skip();
  }
  return { utilization: application > 0 ? application : cpu, qps, eps };
}
