/**
 * Requests whose model is not known at the end of the turn in which they came: only these few get a timer of their
 * own. The list is the module's: one look at the end of a turn serves all connections.
 * hot: 0020
 */
import { guard } from '../../base/faults.ts';

export interface UnresolvedCall {
  /** Nothing came that says what is asked: it must be watched, or it is over already. */
  stillWaits(): void;
}

let fresh: UnresolvedCall[] = [];

function look(): void {
  const latecomers = fresh;
  fresh = [];
  for (const each of latecomers)
    guard('stream', () => {
      each.stillWaits();
    });
}

/** Calls back when what came in this turn has been read. */
export function atTurnsEnd(latecomer: UnresolvedCall): void {
  if (fresh.push(latecomer) === 1) setImmediate(look);
}
