/** What either end of an HTTP/2 connection is told. */
import type { ConnectionLimit } from '../limit-names.ts';
import type { OnRefused } from '../api.ts';
import type { OnWaiting } from '../socket/index.ts';
import type { Http2Limits } from './limits.ts';

export interface ConnectionOptions {
  readonly limits: Http2Limits;
  /** A header field that differs from message to message: streams have it apart from their other fields. */
  readonly varyingName?: string;
  /**
   * Fields without which a list says nothing: of a list that is larger than the limits they are kept, as far as they
   * are not long themselves, when the first of them is there (client ends only).
   */
  readonly vitalNames?: readonly string[];
  /** A limit refused something: "streams", "headers", "resets", ... */
  onLimit?(name: ConnectionLimit): void;
  /** As OnRefused (server ends only). */
  readonly onRefused?: OnRefused | undefined;
  /** Told of output that waits for the peer; what it is told sums up to 0 when the connection is gone. */
  readonly onWaiting?: OnWaiting | undefined;
  /** Told in the same way of the heads of requests (server ends only), as far as they are large. */
  readonly onKept?: OnWaiting | undefined;
  /** Monotonic milliseconds; for the flood limits. */
  readonly clock?: () => number;
}
