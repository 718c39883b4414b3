/** What the JSON APIs are told and given: their limits, and the rooms behind the door that they ask. */
import type { Clock } from '../../base/clock.ts';
import type { Handler, ListedModel, Observer, TakesHeader } from '../../call/index.ts';
import type { JsonLimits, NonFinite } from '../../codec/index.ts';
import type { Catalog, ModelView, Router } from '../../models/index.ts';
import type { MinBodyRateOptions } from '../min-body-rate.ts';
import type { TimeoutOptions } from '../timeout.ts';

import type { BodyLimits } from './body.ts';

export interface RestOptions {
  readonly json: JsonLimits;
  /**
   * Key style of metadata replies: OpenVINO Model Server's camelCase, which its own client needs, or TF Serving's
   * snake_case.
   */
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
  readonly pace: MinBodyRateOptions;
  /** Largest reply message of a backend, in bytes. */
  readonly maxReplyBytes: number;
}

export interface RestDeps {
  readonly handler: Handler;
  readonly catalog: Catalog;
  readonly view: ModelView;
  readonly options: RestOptions;
  readonly observer: Observer;
  readonly clock: Clock;
  /** The model and version behind a public name. */
  readonly route: Router;
  /** Models of generative servers, which the list of models shows too. */
  readonly otherModels: () => readonly ListedModel[];
  /** False for a gateway of generative servers alone. */
  readonly servesTensors: boolean;
  /** Reads the configuration again; absent where there is none to read. */
  readonly reload?: (() => Promise<void>) | undefined;
}

/** Limits of request bodies: `json.maxBodyBytes` of inflated text, the inflate ratio and the minimum rate. */
export function limitsOf({ json, maxInflateRatio, pace }: RestDeps['options']): BodyLimits {
  return { maxBytes: json.maxBodyBytes, maxInflateRatio, pace };
}
