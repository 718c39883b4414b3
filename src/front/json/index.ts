/** HTTP requests that mean a call: their bodies, answers and contexts, whatever the API. */
export { createJsonHandler } from './json-handler.ts';
export { serveNodeRequest } from './node-stream.ts';
export type { RestOptions } from './options.ts';
export { httpStatus } from './status.ts';
export { createRestApi } from './tfs/index.ts';
export { createV2Api, isV2 } from './v2/index.ts';
