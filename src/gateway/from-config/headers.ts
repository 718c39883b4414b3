/** Which headers go along with calls over REST, beyond the usual ones. */
import { type Config, namedHeaders } from '../../config/index.ts';

/** Those that the operator lists, and those that calls are told apart by. */
export function forwardHeadersOf(config: Config): string[] {
  return [...new Set([...config.rest.forwardHeaders, ...namedHeaders(config).map(({ name }) => name)])];
}
