/** What an operator may say, checked whole, as an immutable snapshot. */
export { type BackendUrl, parseBackendUrl } from './backend-url.ts';
export { namedHeaders } from './headers.ts';
export { type Flags, loadSnapshot, type Snapshot } from './load.ts';
export { fleetOfName, fleetOfPlace } from './model-places.ts';
export { trustedBy } from './networks.ts';
export { ConfigError } from './problem.ts';
export { isHttpFleet, proxyRoutes } from './proxy.ts';
export { type Config, configSchema } from './schema/index.ts';
export { readYaml } from './yaml.ts';
