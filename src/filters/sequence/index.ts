/** Sequences of stateful models. */
export { sequenceFilter, type SequenceFilterDeps, type SequenceFilterOptions } from './filter.ts';
export { Turns } from './turns.ts';
