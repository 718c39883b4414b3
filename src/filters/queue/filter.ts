/**
 * Lets no more calls to the backends than they take; the others wait a little in line, and are refused early rather
 * than late.
 */
import type { After, Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  allMetadata,
  ByModel,
  type Call,
  type CancelListener,
  type Filter,
  type Handler,
  type ModelRef,
  never,
  type Observer,
  type Reply,
} from '../../call/index.ts';
import { isInformation } from '../../models/index.ts';
import type { Client, ClientOf } from '../client.ts';
import { type LatencyStats, messageBytes } from '../latencies/index.ts';
import { ModelQueue, type Waiter } from './model-queue.ts';
import { Places } from './places.ts';
import { priorities, type Priority } from './priority-queue.ts';

export interface QueueOptions {
  /** Calls of one model that may wait. */
  readonly maxLength: number;
  /** The longest wait, in ms; never more than half of what is left of the call's deadline. */
  readonly maxWaitMs: number;
  /** Metadata field with the call's priority: high, normal or low. */
  readonly priorityField: string;
}

export interface QueueDeps {
  /** Whether a backend that could answer the call takes one more now. */
  readonly hasCapacity: (call: Call) => boolean;
  readonly clientOf: ClientOf;
  readonly latencies: Pick<LatencyStats, 'find'>;
  readonly observer: Pick<Observer, 'limited' | 'queued' | 'waited'>;
  readonly clock: Clock;
  readonly after: After;
  /** Who is told when a backend has got room: the queue is among them as long as calls wait in it. */
  readonly capacityListeners?: Pick<Set<() => void>, 'add' | 'delete'> | undefined;
}

export interface Queue {
  readonly filter: Filter;
  /** A backend has got room: told by whoever knows. */
  readonly capacityFreed: () => void;
  /** Whether a call waits whose model is such a one. */
  readonly waits: (isSuch: (model: ModelRef) => boolean) => boolean;
}

/** Deadlines beyond this are not compared with what answers take: looking it up has its price, too. In ms. */
const tightMs = 5000;
/** Room may come without a call's end (a backend came back): looked for so often while somebody waits, in ms. */
const lookEveryMs = 50;

/** A queue's time-out and a cancellation are both delivered by onCancelled(). */
class WaitingCall implements Waiter, CancelListener {
  readonly call: Call;
  readonly client: Client;
  readonly #next: Handler;
  readonly #places: Places;
  readonly #promise: PromiseEnds;
  readonly onCancelled: (reason: StatusError) => void;
  disarm: () => void = ignore;
  readonly sinceMs: number;

  constructor(
    { call, client, next, places, sinceMs }: Waiting,
    promise: PromiseEnds,
    onCancelled: (reason: StatusError) => void,
  ) {
    this.call = call;
    this.client = client;
    this.#next = next;
    this.#places = places;
    this.sinceMs = sinceMs;
    this.#promise = promise;
    this.onCancelled = onCancelled;
  }

  start(): void {
    this.#leave();
    this.#places.take(this.client);
    this.#next(this.call).then(
      (reply) => {
        reply.body.whenDone(this.#over);
        this.#promise.resolve(reply);
      },
      (reason: unknown) => {
        this.#over();
        this.#promise.reject(reason);
      },
    );
  }

  readonly #over = (): void => {
    this.#places.giveBack(this.client);
  };

  refuse(error: StatusError): void {
    this.#leave();
    this.#promise.reject(error);
  }

  #leave(): void {
    this.disarm();
    this.call.cancellation.unlisten(this);
  }
}

interface Waiting {
  readonly call: Call;
  readonly client: Client;
  readonly next: Handler;
  readonly places: Places;
  readonly sinceMs: number;
}

interface PromiseEnds {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (reason: unknown) => void;
}

const ignore = (): void => undefined;

/**
 * Creates the filter that queues calls while no backend has capacity, by model and priority. A call is refused
 * with RESOURCE_EXHAUSTED when its queue is full, and with DEADLINE_EXCEEDED when its deadline cannot be met.
 */
export function createQueue(options: QueueOptions, deps: QueueDeps): Queue {
  const { maxLength, maxWaitMs, priorityField } = options;
  const { hasCapacity, clientOf, latencies, observer, clock, after, capacityListeners } = deps;
  const places = new Places();
  /** Only models of which calls wait, so that names cannot pile up. */
  const lines = new ByModel<ModelQueue>();
  let looking = false;

  function priorityOf(call: Call): Priority {
    const value = allMetadata(call.metadata, priorityField);
    return value === undefined ? 'normal' : (priorities.find((priority) => priority === value) ?? 'normal');
  }

  function refusal({ model }: ModelRef, text: string, retryAfterMs: number): StatusError {
    observer.limited('queue');
    return new StatusError(Code.RESOURCE_EXHAUSTED, `model ${model} is busy: ${text}`, { retryAfterMs });
  }

  /**
   * The error of a call whose remaining time is shorter than the fastest recent answer: it would use a backend's
   * capacity and miss its deadline all the same.
   */
  function hopeless(call: Call, model: ModelRef): StatusError | undefined {
    if (call.deadline === never) return undefined;
    const leftMs = call.deadline - clock();
    if (leftMs > tightMs) return undefined;
    const leastMs = latencies.find(model, messageBytes(call))?.leastMs ?? 0;
    if (leftMs >= leastMs) return undefined;
    observer.limited('deadline');
    const text = `deadline of ${Math.max(0, Math.round(leftMs))} ms cannot be met: answers of model ${model.model} take ${Math.round(leastMs)} ms now`;
    return new StatusError(Code.DEADLINE_EXCEEDED, text);
  }

  function leave(model: ModelRef, line: ModelQueue): void {
    observer.queued(model, line.length);
    if (line.length === 0) lines.delete(model);
    if (lines.size === 0) capacityListeners?.delete(capacityFreed);
  }

  function capacityFreed(): void {
    for (const [model, line] of lines.entries()) {
      for (
        let waiter = line.first();
        waiter !== undefined && hasCapacity(waiter.call);
        waiter = line.first()
      ) {
        const late = hopeless(waiter.call, model);
        if (late === undefined) {
          line.serve();
          observer.waited(model, clock() - waiter.sinceMs);
          waiter.start();
        } else {
          // it gives its place to the next one, so the line is no quicker for it
          line.delete(waiter);
          waiter.refuse(late);
        }
      }
      leave(model, line);
    }
  }

  function keepLooking(): void {
    if (looking) return;
    looking = true;
    after(lookEveryMs, () => {
      looking = false;
      capacityFreed();
      if (lines.size > 0) keepLooking();
    });
  }

  function wait(call: Call, model: ModelRef, next: Handler): Promise<Reply> {
    const line = lines.get(model) ?? new ModelQueue(maxLength, places, clock);
    const client = clientOf(call);
    const priority = priorityOf(call);
    const boundMs = Math.min(maxWaitMs, (call.deadline - clock()) / 2);
    const expectedMs = line.expectedMs(priority, client);
    if (expectedMs > boundMs) {
      const text = `${line.length} calls wait, a place is expected in ${Math.round(expectedMs)} ms`;
      return Promise.reject(refusal(model, text, expectedMs));
    }
    lines.set(model, line);
    capacityListeners?.add(capacityFreed);
    keepLooking();
    return new Promise((resolve, reject) => {
      const waiting = { call, client, next, places, sinceMs: clock() };
      const waiter = new WaitingCall(waiting, { resolve, reject }, (error) => {
        line.delete(waiter);
        leave(model, line);
        waiter.refuse(error);
      });
      waiter.disarm = after(boundMs, () => {
        const text = `no place within ${Math.round(boundMs)} ms`;
        waiter.onCancelled(refusal(model, text, Math.max(expectedMs, boundMs)));
      });
      call.cancellation.listen(waiter);
      const ousted = line.add(waiter, priority);
      observer.queued(model, line.length);
      ousted?.refuse(refusal(model, `${line.length} calls wait already`, Math.max(expectedMs, boundMs)));
    });
  }

  return {
    capacityFreed,
    waits: (isSuch) => lines.size > 0 && [...lines.entries()].some(([model]) => isSuch(model)),
    filter: (next) => (call) => {
      const model = call.target;
      if (call.kind !== 'unary' || model === undefined || isInformation(call.method)) return next(call);
      const late = hopeless(call, model);
      if (late !== undefined) return Promise.reject(late);
      if (!lines.has(model) && hasCapacity(call)) return next(call);
      if (call.cancellation.reason !== undefined) return Promise.reject(call.cancellation.reason);
      return wait(call, model, next);
    },
  };
}
