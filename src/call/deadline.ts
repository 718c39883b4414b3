/** Deadlines: a moment on the monotonic clock, and the grpc-timeout header that carries what remains of it. */
import { Code, StatusError } from '../base/status.ts';

/** No deadline at all. */
export const never = Number.POSITIVE_INFINITY;

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Reads a grpc-timeout value (PROTOCOL-HTTP2.md: at most 8 digits and a unit) into milliseconds.
 * @param malformed the code for a value that is none; gRPC servers answer INTERNAL
 * @throws StatusError
 */
export function parseTimeout(value: string, malformed: Code = Code.INTERNAL): number {
  const unit = unitMs[value.slice(-1)];
  const digits = value.slice(0, -1);
  if (unit === undefined || !/^[0-9]{1,8}$/.test(digits)) {
    throw new StatusError(
      malformed,
      `malformed grpc-timeout "${value.slice(0, 20)}": up to 8 digits and one of HMSmun`,
    );
  }
  return Number(digits) * unit;
}

/** Writes milliseconds as a grpc-timeout value that is never longer than what was given. */
export function formatTimeout(ms: number): string {
  if (ms <= 0) return '1n';
  if (ms < 100) return `${Math.max(1, Math.floor(ms * 1000))}u`;
  if (ms < 99_999_999) return `${Math.floor(ms)}m`;
  return `${Math.min(99_999_999, Math.floor(ms / 1000))}S`;
}
