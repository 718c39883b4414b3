/** Who answers: the backends of a fleet, their health, the choice between them and the connections to them. */
export type { SharedLooks } from './health/probe.ts';
export { nameOf } from './discovery/source.ts';
export { Fleet, type FleetDeps } from './fleet.ts';
export { commonApi } from './options.ts';
export type { BackendState } from './states.ts';
export { HttpFleet } from './http/http-fleet.ts';
export { Pacer } from './health/pacer.ts';
export type {
  BackendAddress,
  BackendApi,
  BackendTls,
  BalanceOptions,
  ConnectionOptions,
  EjectionOptions,
  FleetOptions,
  HealthOptions,
  HttpFleetOptions,
  WarmUpOptions,
} from './options.ts';
