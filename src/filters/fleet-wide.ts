/** Gives calls that are about servers to whoever asks all of them. */
import type { Filter, Handler } from '../call/index.ts';

export function fleetWideFilter(all: Handler): Filter {
  return (next) => (call) => (call.method.fleetWide ? all(call) : next(call));
}
