/**
 * How much of all JSON bodies is decoded in one turn of the event loop; who has no share left waits for the next. The
 * counts are the module's, since the loop is one.
 */
import { guard } from '../../base/faults.ts';

/**
 * What all bodies together may cost in one turn of the event loop: half a millisecond of decoding. Who comes when it is
 * spent waits for the next turn, so that small requests beside a large body do not.
 */
const maxTurnBytes = 2 ** 18;

let turnBytes = 0;
let scheduled = false;
const waiting: (() => void)[] = [];

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(nextTurn);
}

function nextTurn(): void {
  scheduled = false;
  turnBytes = 0;
  // who is not done waits again, behind the others
  while (waiting.length > 0 && turnBytes < maxTurnBytes) guard('stream', waiting.shift() as () => void);
  if (waiting.length > 0) schedule();
}

/** Nothing more is to be decoded in this turn. */
export function turnIsSpent(): boolean {
  return turnBytes >= maxTurnBytes;
}

/** Counts what was decoded. */
export function spend(bytes: number): void {
  turnBytes += bytes;
  schedule();
}

/** Calls back in a turn that has something left. */
export function whenTurnComes(go: () => void): void {
  waiting.push(go);
  schedule();
}
