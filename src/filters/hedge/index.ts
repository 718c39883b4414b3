/** The hedge's own door. */
export { hedgeFilter, type HedgeDeps, type HedgeOptions } from './filter.ts';
