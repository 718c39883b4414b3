/** What the REST door is told. */
import type { JsonLimits } from '../../codec/index.ts';

export interface RestOptions {
  readonly json: JsonLimits;
  /** Key style of metadata replies: OpenVINO Model Server's camelCase, which its own client needs, or TF Serving's snake_case. */
  readonly metadataStyle: 'ovms' | 'tfs';
  /** POST /v1/config/reload is passed on to every backend. */
  readonly allowReload: boolean;
  /** Integers must be written as integers; without it 5.0 is one too. */
  readonly strictDtypes: boolean;
  /** For a call, in ms. */
  readonly timeoutMs: number;
  /** Compressed replies begin at this size, in bytes; for clients that accept gzip. */
  readonly gzipMinBytes: number;
  /** Largest reply message of a backend, in bytes. */
  readonly maxReplyBytes: number;
}
