/** The admin door: health, metrics, the fleet and the dashboard, for operators. */
export { type AdminServer, createAdminServer } from './admin-server.ts';
export { exposureOf } from './exposure.ts';
export type { AdminFleet } from './view.ts';
