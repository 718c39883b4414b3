/** TensorFlow Serving's REST API. */
export { createRestApi, type RestDeps } from './api.ts';
export type { RestOptions } from './options.ts';
