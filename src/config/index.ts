/** What an operator may say: schema, defaults, loading. */
export { type BackendUrl, parseBackendUrl } from './backend-url.ts';
export { fleetOfName, fleetOfPlace } from './model-places.ts';
export { isHttpFleet, proxyRoutes, urlOf } from './proxy.ts';
export { namedHeaders } from './headers.ts';
export { type Flags, loadSnapshot, type Snapshot } from './load.ts';
export { trustedBy } from './networks.ts';
export { ConfigError, type Problem } from './problem.ts';
export { type Config, configSchema } from './schema/index.ts';
export { readYaml } from './yaml.ts';
