/** What the tests of telemetry share: a quiet one, a call's end, and the lines of a rendering. */
import { Code } from '../../src/base/status.ts';
import type { CallEnd } from '../../src/call/index.ts';
import { createTelemetry, type Telemetry } from '../../src/telemetry/index.ts';
import { unaryCall } from '../support/index.ts';

/** Without a log and what the process says of itself. */
export const quietTelemetry = (maxModels = 50): Telemetry =>
  createTelemetry(
    {
      prefix: 'tensorgate',
      version: '1.2.3',
      maxModels,
      maxVersionsPerModel: 4,
      maxSeries: 1000,
      processMetrics: false,
      log: { level: 'silent', destination: 1 },
      access: { mode: 'off', sample: 0, maxPerSecond: 100 },
    },
    { clock: () => performance.now(), random: () => 0.5 },
  );

/** A call that a backend answered well. */
export const callEnd = (fields: Partial<CallEnd> = {}): CallEnd => ({
  call: unaryCall(),
  started: undefined,
  code: Code.OK,
  message: '',
  where: '',
  durationMs: 0.05,
  from: '127.0.0.1:8500',
  requestBytes: 10,
  replyBytes: 20,
  version: '1',
  knownModel: true,
  ...fields,
});

/** The samples of a rendering whose line starts so. */
export const samples = (text: string, start: string): string[] =>
  text.split('\n').filter((line) => line.startsWith(start));
