/** The room's front door: embedded model servers, in this process or as a fleet of processes. */
export { type Faults, noFaults } from './faults.ts';
export { type DemoBackend, type DemoFleet, type DemoFleetOptions, startDemoFleet } from './fleet.ts';
export { demoServerHelp, demoServerMain } from './main.ts';
export { defaultModels, modelKinds } from './models/index.ts';
export { type DemoServer, type DemoServerOptions, startDemoServer } from './server.ts';
