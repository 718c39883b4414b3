/** Hedged calls: another attempt for a call that takes longer than most. */
export { hedgeFilter, type HedgeOptions } from './filter.ts';
