/**
 * Time that passes when a test says so, for code that asks the process for it; what takes a clock is given
 * `manualTimers()`.
 */
import type { TestContext } from 'node:test';
import { manualTimers } from './calls.ts';

export interface FakeTime {
  /** Since the test began, in ms. */
  readonly passedMs: number;
  /** What is due is called in order. */
  advance(ms: number): void;
}

class FakeTimer {
  cancel = (): void => undefined;

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  close(): void {
    this.cancel();
  }
}

type Callback = (...args: unknown[]) => void;

/**
 * From here to the test's end, setTimeout, setInterval and performance.now() go by it; sockets, files and
 * setImmediate do not wait. Not Node's own mock timers: there, to clear one that has fired takes another out of the
 * queue (Node 24.21).
 */
export function fakeTime(t: TestContext): FakeTime {
  const startMs = performance.now();
  const { clock, after, advance } = manualTimers();
  const { clearTimeout: clearReal } = globalThis;
  const clear = (timer: unknown): void => {
    if (timer instanceof FakeTimer) timer.cancel();
    else clearReal(timer as NodeJS.Timeout | undefined);
  };
  const { mock } = t;
  mock.method(performance, 'now', () => startMs + clock());
  mock.method(globalThis, 'clearTimeout', clear);
  mock.method(globalThis, 'clearInterval', clear);
  mock.method(globalThis, 'setTimeout', (callback: Callback, ms = 1, ...args: unknown[]) => {
    const timer = new FakeTimer();
    timer.cancel = after(Math.max(1, ms), () => {
      callback(...args);
    });
    return timer;
  });
  mock.method(globalThis, 'setInterval', (callback: Callback, ms = 1, ...args: unknown[]) => {
    const timer = new FakeTimer();
    const again = (): void => {
      timer.cancel = after(Math.max(1, ms), () => {
        again();
        callback(...args);
      });
    };
    again();
    return timer;
  });
  return {
    get passedMs() {
      return clock();
    },
    advance,
  };
}

const maxTurnNs = 10_000_000_000n;

/** Waits, under fake time too, for what sockets and files bring. @throws Error after ten real seconds */
export async function turnsUntil(condition: () => boolean, what = 'the condition'): Promise<void> {
  const begun = process.hrtime.bigint();
  while (!condition()) {
    if (process.hrtime.bigint() - begun > maxTurnNs) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Waits until a count has stood still for so many turns of the event loop. */
export async function turnsWithout(change: () => number, turns = 200): Promise<void> {
  let last = change();
  for (let still = 0; still < turns; still++) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = change();
    if (now !== last) still = 0;
    last = now;
  }
}
