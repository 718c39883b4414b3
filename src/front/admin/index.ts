/** The admin door: health, metrics, the fleet and the dashboard, for operators. */
export { type AdminDoor, createAdminDoor } from './door.ts';
export { exposureOf } from './exposure.ts';
export type { AdminFleet } from './view.ts';
