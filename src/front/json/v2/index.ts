/** KServe V2's REST API. */
export { createV2Api } from './api.ts';
export { isV2 } from './routes.ts';
