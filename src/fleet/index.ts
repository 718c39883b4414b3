/** Who answers: the backends of a fleet, their health, the choice between them and the connections to them. */
export { type BackendState, Fleet, type FleetDeps } from './fleet.ts';
export { HttpFleet } from './http/http-fleet.ts';
export type {
  BackendAddress,
  BackendApi,
  BackendTls,
  ConnectionOptions,
  EjectionOptions,
  FleetOptions,
  HealthOptions,
  HttpFleetOptions,
} from './options.ts';
