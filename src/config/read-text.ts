/**
 * Reads a file that an operator names, and no more of it than such a file can have: the path may be wrong, or a
 * device.
 */
import { closeSync, openSync, readSync } from 'node:fs';

/** Ten thousand models with rules and splits take a tenth of it. */
export const maxConfigBytes = 8 * 2 ** 20;
/** A bundle of all public authorities takes a quarter of it. */
export const maxPemBytes = 2 ** 20;

const stepBytes = 64 * 1024;

/** @throws the system's error, or an Error that names the limit */
export function readText(path: string, maxBytes: number): string {
  const file = openSync(path, 'r');
  try {
    const parts: Buffer[] = [];
    let total = 0;
    for (;;) {
      const part = Buffer.allocUnsafe(stepBytes);
      const read = readSync(file, part, 0, stepBytes, null);
      if (read === 0) return Buffer.concat(parts, total).toString();
      parts.push(part.subarray(0, read));
      total += read;
      if (total > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    }
  } finally {
    closeSync(file);
  }
}
