/** A configuration snapshot as the options of each room. */
export { needsRestart } from './fixed.ts';
export { gatewayOptions } from './from-config.ts';
