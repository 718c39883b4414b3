/** The V2 REST door. */
export { createV2Door, type V2Deps, type V2Door } from './door.ts';
