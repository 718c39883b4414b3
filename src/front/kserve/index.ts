/** The V2 REST API. */
export { createV2Api, type V2Deps } from './api.ts';
export { isV2 } from './routes.ts';
