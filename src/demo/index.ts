/** Embedded model servers. */
export { type DemoBackend, type DemoFleet, type DemoFleetOptions, startDemoFleet } from './fleet.ts';
export { defaultModels } from './models/index.ts';
export { type DemoServer, type DemoServerOptions, startDemoServer } from './server.ts';
