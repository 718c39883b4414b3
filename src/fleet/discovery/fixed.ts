/** Backends that the configuration names one by one. */
import type { BackendAddress } from '../backend-address.ts';
import type { Source } from './source.ts';

/** Creates a source of a constant list, which is reported once, within `start()`. */
export function fixedSource(backends: readonly BackendAddress[]): Source {
  return {
    start(events) {
      events.onBackends(backends);
    },
    stop() {},
  };
}
