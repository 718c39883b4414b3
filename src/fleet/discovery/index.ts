/** Where the backends of a fleet come from: a list, DNS, a file, Kubernetes. */
export { Sources } from './discovery.ts';
export { nameOf, type SourceOptions } from './source.ts';
