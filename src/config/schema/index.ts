/** The schema of the configuration, with every default and its reason. */
export { pathPattern } from './kinds.ts';
export { type Config, configSchema } from './schema.ts';
