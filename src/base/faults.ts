/**
 * The guard between events of the outside world and our code. An event of a socket, a timer, a file or another
 * process has no caller that could be told of an error: what its listener throws ends the process, and every call in
 * it. So each listener runs in a guard: what it throws is a fault of this program, ends the one stream or connection
 * that it belongs to, and is told here.
 */

/** Where events enter; a fault is counted by it. */
export const faultPlaces = [
  /** A client's or a backend's connection, and what it reads and writes. */
  'connection',
  /** A request or an answer on a connection. */
  'stream',
  /** The journey of a call: what became INTERNAL because nobody expected it. */
  'call',
  /** HTTP by way of node:http: what passes through, and what is unusual. */
  'http',
  'timer',
  /** A rejection that nobody handles. */
  'promise',
  /** Health, discovery and connections of backends. */
  'backend',
  'redis',
  'file',
  /** What workers and their primary tell each other. */
  'worker',
  /** An exception that no guard has caught: the process ends in order. */
  'process',
] as const;
export type FaultPlace = (typeof faultPlaces)[number];

type FaultListener = (where: FaultPlace, reason: unknown) => void;

const listeners = new Set<FaultListener>();

/** Calls back with every fault of this process. @returns what stops it */
export function onFault(listener: FaultListener): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Tells of a fault. It never throws: whoever calls it has one already. */
export function fault(where: FaultPlace, reason: unknown): void {
  for (const listener of listeners) {
    try {
      listener(where, reason);
    } catch {
      // a listener that fails, too, is not asked to tell of itself
    }
  }
}

/**
 * A listener in a guard.
 * @param undo ends what the event belongs to; guarded as well
 */
export function guarded<A extends unknown[]>(
  where: FaultPlace,
  listener: (...args: A) => void,
  undo?: (reason: unknown) => void,
): (...args: A) => void {
  return (...args) => {
    guard(
      where,
      () => {
        listener(...args);
      },
      undo,
    );
  };
}

/** Runs a part of an event's work in a guard of its own, so that the other parts run whatever happens in it. */
export function guard(where: FaultPlace, run: () => void, undo?: (reason: unknown) => void): void {
  try {
    run();
  } catch (reason) {
    fault(where, reason);
    try {
      undo?.(reason);
    } catch (second) {
      fault(where, second);
    }
  }
}

/** For a promise that nobody waits for: its rejection is a fault. */
export function detach(where: FaultPlace, promise: Promise<unknown>, undo?: (reason: unknown) => void): void {
  promise.catch(
    guarded(where, (reason: unknown) => {
      fault(where, reason);
      undo?.(reason);
    }),
  );
}

/**
 * Whether an error says that this program is wrong, and not the world: errors of the system, of TLS or of a library
 * have a code of theirs, and those that a room throws on purpose a class of their own.
 */
export function isFault(reason: unknown): boolean {
  if (!(reason instanceof Error)) return true;
  return (
    (reason instanceof TypeError || reason instanceof RangeError || reason instanceof ReferenceError) &&
    !isOfPeer(reason)
  );
}

/** Node throws TypeErrors for what a peer has sent, too: an invalid header, a malformed URL. */
function isOfPeer(error: Error & { code?: unknown }): boolean {
  return typeof error.code === 'string' && !error.code.startsWith('ERR_INVALID_ARG');
}
