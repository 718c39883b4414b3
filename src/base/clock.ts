/** Time as the rooms are given it: a monotonic clock, and a way to be called back. */

/** Milliseconds on a monotonic clock; tests inject their own. */
export type Clock = () => number;

/** Calls back once after so many ms, a few sooner or later; gives what calls it off. Tests inject their own. */
export type After = (ms: number, callback: () => void) => () => void;
