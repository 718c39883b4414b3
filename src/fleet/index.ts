/** Who answers: the backends of a fleet, their health, the choice between them and the connections to them. */
export type { BackendAddress, BackendTls } from './backend-address.ts';
export { nameOf } from './discovery/index.ts';
export { Fleet } from './fleet.ts';
export { ProbeRateLimiter } from './health/probe-rate-limiter.ts';
export type { SharedProbes } from './health/probe.ts';
export { HttpFleet } from './http/http-fleet.ts';
export { commonApi, type FleetOptions, type HttpFleetOptions } from './options.ts';
export type { BackendState } from './states.ts';
