/** Gives calls that are about servers to whoever asks all of them. */
import type { Filter, Handler } from '../call/index.ts';

/** Routes methods that concern all servers to the handler `all`, other calls to the next filter. */
export function fleetWideFilter(all: Handler): Filter {
  return (next) => (call) => (call.method.fleetWide ? all(call) : next(call));
}
