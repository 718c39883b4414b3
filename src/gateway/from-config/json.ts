/** What JSON bodies may hold, of clients and of REST backends. */
import type { JsonLimits } from '../../codec/index.ts';
import type { Snapshot } from '../../config/index.ts';

/** Maps the limits of the `rest` section to those of the JSON decoder. */
export function jsonLimitsOf({ rest }: Snapshot['config']): JsonLimits {
  return {
    maxBodyBytes: rest.maxBodyBytes,
    maxDepth: rest.maxDepth,
    maxRank: rest.maxRank,
    maxElements: rest.maxElements,
    maxStringBytes: rest.maxStringBytes,
    maxExampleValues: rest.maxExampleValues,
  };
}
