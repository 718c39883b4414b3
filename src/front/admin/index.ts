/** The admin door's own door. */
export { type AdminDoor, createAdminDoor } from './door.ts';
export type { AdminBackend, AdminDeps, AdminFleet, PageFile, WebDoor } from './view.ts';
export { exposureOf } from './exposure.ts';
