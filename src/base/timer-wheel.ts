/**
 * Many alarms of which nearly none ever rings: deadlines, hedges, waits in a queue. A call sets three and calls all
 * of them off, and three timers of Node's cost as much as reading and writing the call's frames. Here an alarm is one
 * entry of a list (a hashed timing wheel, Varghese and Lauck 1987), and one timer of the process serves all.
 * hot: 0020
 */
import type { After, Clock } from './clock.ts';
import { guard, guarded } from './faults.ts';
import { monotonic } from './loop-clock.ts';

/** How late an alarm may ring beside the turn of the event loop that it waits for, in ms. */
const tickMs = 4;
/** Alarms further away than all slots (four seconds) stay in theirs for more than one round. */
const slots = 1024;

class Alarm {
  readonly tick: number;
  readonly callback: (() => void) | undefined;
  /** It rings when the process has read what has arrived. */
  readonly afterInput: boolean;
  /** Called off. */
  isOff = false;
  /** Itself when it is off; the list of a slot is a ring with a head that never rings. */
  next: Alarm = this;
  before: Alarm = this;

  constructor(tick: number, callback: (() => void) | undefined, afterInput = false) {
    this.tick = tick;
    this.callback = callback;
    this.afterInput = afterInput;
  }

  putBefore(head: Alarm): void {
    this.next = head;
    this.before = head.before;
    head.before.next = this;
    head.before = this;
  }

  off(): void {
    this.before.next = this.next;
    this.next.before = this.before;
    this.next = this;
    this.before = this;
  }
}

export interface AlarmDeps {
  readonly clock: Clock;
  /** setTimeout. */
  readonly setTimer: (callback: () => void, ms: number) => Pick<NodeJS.Timeout, 'ref' | 'unref' | 'close'>;
}

/**
 * Hashed timing wheel with ticks of 4 ms on one timer of Node; setting and cancelling an alarm take constant
 * time.
 */
export class TimerWheel {
  readonly #clock: Clock;
  readonly #newTimer: AlarmDeps['setTimer'];
  readonly #heads = Array.from({ length: slots }, () => new Alarm(Number.POSITIVE_INFINITY, undefined));
  /** Alarms that are set. */
  #count = 0;
  /** All slots up to this tick have rung. */
  #done: number;
  /** When the timer strikes; Infinity without one. */
  #timerTick = Number.POSITIVE_INFINITY;
  #timer: ReturnType<AlarmDeps['setTimer']> | undefined;

  constructor({ clock, setTimer }: AlarmDeps) {
    this.#clock = clock;
    this.#newTimer = setTimer;
    this.#done = this.#now();
  }

  /** As After; a time without end never rings. */
  readonly after: After = (ms, callback) => this.#set(ms, callback, false);

  /**
   * Like `after`, but lets the process read first what has arrived meanwhile: one that was busy for a while must not
   * take its own lateness for somebody else's.
   */
  readonly afterInput: After = (ms, callback) => this.#set(ms, callback, true);

  #set(ms: number, callback: () => void, afterInput: boolean): () => void {
    const tick = Math.ceil((this.#clock() + ms) / tickMs);
    if (!Number.isSafeInteger(tick)) return ignore;
    // the process may end while no alarm is set
    if (this.#count === 0) {
      this.#done = Math.max(this.#done, this.#now());
      this.#timer?.ref();
    }
    const alarm = new Alarm(Math.max(tick, this.#done + 1), callback, afterInput);
    alarm.putBefore(this.#headOf(alarm.tick));
    this.#count++;
    if (alarm.tick < this.#timerTick) this.#setTimer(alarm.tick);
    return () => {
      alarm.isOff = true;
      if (alarm.next === alarm) return;
      alarm.off();
      if (--this.#count === 0) this.#timer?.unref();
    };
  }

  #now(): number {
    return Math.floor(this.#clock() / tickMs);
  }

  #headOf(tick: number): Alarm {
    return this.#heads[tick % slots] as Alarm;
  }

  #setTimer(tick: number): void {
    this.#timer?.close();
    this.#timerTick = tick;
    this.#timer = this.#newTimer(this.#ring, Math.max(1, tick * tickMs - this.#clock()));
  }

  readonly #ring = (): void => {
    this.#timerTick = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    const now = this.#now();
    // one round visits every slot, however long the process slept
    const last = Math.min(now, this.#done + slots);
    const due: Alarm[] = [];
    for (let tick = this.#done + 1; tick <= last; tick++) {
      const head = this.#headOf(tick);
      for (let alarm = head.next; alarm !== head; alarm = alarm.next) if (alarm.tick <= now) due.push(alarm);
    }
    this.#done = now;
    due.sort((a, b) => a.tick - b.tick);
    for (const alarm of due) {
      // one that rang before may have called it off
      if (alarm.next === alarm) continue;
      alarm.off();
      this.#count--;
      const { callback } = alarm;
      // the others are due all the same
      if (callback === undefined) continue;
      if (alarm.afterInput)
        setImmediate(
          guarded('timer', () => {
            if (!alarm.isOff) callback();
          }),
        );
      else guard('timer', callback);
    }
    this.#goOn();
  };

  /** The timer waits for the next slot that is not empty; what is in it may be for a later round. */
  #goOn(): void {
    if (this.#count === 0 || this.#timerTick < Number.POSITIVE_INFINITY) return;
    let tick = this.#done + 1;
    for (const last = tick + slots; tick < last; tick++) {
      const head = this.#headOf(tick);
      if (head.next !== head) break;
    }
    this.#setTimer(tick);
  }
}

const ignore = (): void => undefined;

/** The process's own. */
export const { after, afterInput } = new TimerWheel({ clock: monotonic, setTimer: setTimeout });
