/** Calls of one sequence, one after the other. */
export { sequenceFilter, type SequenceFilterOptions } from './filter.ts';
export { SequenceLock } from './sequence-lock.ts';
