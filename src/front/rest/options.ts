/** What the REST door is told. */
import type { TakesHeader } from '../../call/index.ts';
import type { JsonLimits, NonFinite } from '../../codec/index.ts';
import type { PaceOptions } from '../pace.ts';
import type { TimeoutOptions } from '../timeout.ts';

export interface RestOptions {
  readonly json: JsonLimits;
  /** Key style of metadata replies: OpenVINO Model Server's camelCase, which its own client needs, or TF Serving's snake_case. */
  readonly metadataStyle: 'ovms' | 'tfs';
  /** POST /v1/config/reload is passed on to every backend. */
  readonly allowReload: boolean;
  /** What changes model servers is passed on. */
  readonly allowAdmin: boolean;
  /** Integers must be written as integers; without it 5.0 is one too. */
  readonly strictDtypes: boolean;
  /** half, bfloat16 and uint16 have JSON values, which TensorFlow Serving's REST API refuses. */
  readonly extraDtypes: boolean;
  /** How replies write NaN and infinities. */
  readonly nonFinite: NonFinite;
  /** Text that each byte of a compressed body may become. */
  readonly maxInflateRatio: number;
  readonly timeouts: TimeoutOptions;
  /** Which headers of a request go along as metadata, and which fields of a backend's answer clients get. */
  readonly takesHeader: TakesHeader;
  readonly returnsHeader: TakesHeader;
  /** Compressed replies begin at this size, in bytes; for clients that accept gzip. */
  readonly gzipMinBytes: number;
  /** For bodies. */
  readonly pace: PaceOptions;
  /** Largest reply message of a backend, in bytes. */
  readonly maxReplyBytes: number;
}
