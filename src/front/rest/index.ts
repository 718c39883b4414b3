/** TensorFlow Serving's REST API. */
export { createRestDoor, type RestDeps, type RestDoor } from './door.ts';
export type { RestOptions } from './options.ts';
