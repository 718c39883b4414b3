/** The APIs that doors and backends speak, and the bridges between them. */
export { createBridge } from './bridge.ts';
export type { Door } from './door.ts';
export { asker, BackendRefusal, requestOf } from './exchange.ts';
export { kserveDoor, kserveServer } from './kserve.ts';
export { reencode } from './reencode.ts';
export { tfsDoor, tfsServer } from './tfs.ts';
export { VersionNames } from './versions.ts';
