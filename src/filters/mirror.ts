/**
 * Copies calls to another model or version, whose answers are thrown away: the original neither waits nor fails for
 * it.
 */
import { joinInto } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import {
  ByModel,
  type Call,
  Cancellation,
  type Filter,
  Flow,
  type Handler,
  messageIn,
  messagePrefix,
  type Method,
  type Observer,
  statusOf,
  type Target,
} from '../call/index.ts';
import { type ModelSpec, replaceModelSpec, replaceTaskSpecs, replaceV2Spec } from '../codec/index.ts';
import { type Evictable, type MemoryAccount, MemoryKind, MemoryReservation } from '../memory/index.ts';
import { isInformation, specOf } from '../models/index.ts';

export interface MirrorRule {
  /** As ModelRef has it. */
  readonly fleet?: string | undefined;
  /** Absent: of the same name. */
  readonly model?: string | undefined;
  readonly version?: bigint | undefined;
  /** Share of the calls, in hundredths. */
  readonly percent: number;
  /** Copies under way; calls beyond are not copied. */
  readonly maxInFlight: number;
  /** Larger requests are not copied. */
  readonly maxBytes: number;
}

export interface MirrorDeps {
  /** Sends a copy to one backend. */
  readonly send: Handler;
  /** Whether a backend takes a copy without anybody having to wait for it. */
  readonly hasCapacity: (call: Call) => boolean;
  readonly observer: Pick<Observer, 'mirrored'>;
  readonly memory: MemoryAccount;
  readonly clock: Clock;
  readonly random: () => number;
  /** Copies under way by model, those of before a reload among them. */
  readonly inFlight?: ByModel<number>;
}

/** A copy may take so long, in ms; nobody waits for it. */
const timeoutMs = 30_000;

/** The same message for another model. */
function retargeted(method: Method, message: Uint8Array, spec: ModelSpec): Uint8Array[] {
  if (method.target === 'name') return replaceV2Spec(message, spec);
  return method.target === 'tasks' ? replaceTaskSpecs(message, spec) : replaceModelSpec(message, spec);
}

/** What one copy holds: the first to go when the gateway holds too much. */
class CopyMemory implements Evictable {
  readonly spare = true;
  readonly held: MemoryReservation;
  readonly cancellation = new Cancellation();
  readonly #account: MemoryAccount;

  constructor(account: MemoryAccount) {
    this.#account = account;
    this.held = new MemoryReservation(account, MemoryKind.mirrors, {
      stalledMs: () => 0,
      evict: () => {
        this.dropCopy();
      },
    });
    account.offer(this);
  }

  get copiedBytes(): number {
    return this.held.bytes;
  }

  dropCopy(): void {
    this.held.end();
    this.cancellation.cancel(new StatusError(Code.RESOURCE_EXHAUSTED, 'there is no room for the copy'));
    this.#account.forget(this);
  }

  end(): void {
    this.held.end();
    this.#account.forget(this);
  }
}

/** The whole request, read beside the original's reader and without giving the client any credit. */
function collect(
  request: Flow,
  maxBytes: number,
  { held, cancellation }: CopyMemory,
): Promise<Uint8Array | undefined> {
  const fork = request.fork();
  if (fork === undefined) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    const giveUp = (): void => {
      chunks.length = 0;
      fork.abandon();
      resolve(undefined);
    };
    const stopListening = cancellation.onCancel(giveUp);
    fork.read({
      onData(chunk) {
        if (cancellation.reason !== undefined) return;
        joinInto(chunks, chunk);
        held.add(chunk.length);
        if (fork.bytes > maxBytes) giveUp();
      },
      onEnd() {
        stopListening();
        if (cancellation.reason !== undefined) return;
        const message = messageIn(chunks);
        // what is compressed would have to be inflated first, to name another model
        resolve(message === undefined || message.compressed ? undefined : message.bytes);
      },
      onError: giveUp,
    });
  });
}

/**
 * Sends copies of calls to the model that a mirror rule names; what becomes of a copy is only observed, never
 * returned to the client.
 */
export function mirrorFilter(rules: ByModel<MirrorRule>, deps: MirrorDeps): Filter {
  const { send, hasCapacity, observer, memory, clock, random, inFlight = new ByModel<number>() } = deps;

  /** Runs to the copy's end; whatever goes wrong is its outcome. */
  async function copy(
    call: Call,
    target: Target,
    rule: MirrorRule,
    mine: CopyMemory,
  ): Promise<'skipped' | 'ok' | 'failed'> {
    const message = await collect(call.request, rule.maxBytes, mine);
    if (message === undefined) return 'skipped';
    const body = retargeted(call.method, message, specOf(target));
    const length = body.reduce((sum, part) => sum + part.length, 0);
    const { cancellation, held } = mine;
    const copied: Call = {
      kind: 'unary',
      method: call.method,
      via: call.via,
      metadata: call.metadata,
      target,
      request: Flow.of([messagePrefix(length), ...body]),
      deadline: clock() + timeoutMs,
      cancellation,
      memory: held,
      id: call.id,
      peer: call.peer,
    };
    if (!hasCapacity(copied)) return 'skipped';
    const timer = setTimeout(() => {
      cancellation.cancel();
    }, timeoutMs);
    try {
      const { body: reply } = await send(copied);
      const error = await new Promise<StatusError | undefined>((resolve) => {
        reply.read({
          onData: (chunk) => {
            reply.credit(chunk.length);
          },
          onEnd: () => {
            resolve(undefined);
          },
          onError: resolve,
        });
      });
      return error === undefined && statusOf(reply.trailers) === 0 ? 'ok' : 'failed';
    } catch {
      return 'failed';
    } finally {
      clearTimeout(timer);
    }
  }

  function mirror(call: Call, of: Target, rule: MirrorRule): void {
    const under = inFlight.get(of) ?? 0;
    // a copy costs no call that waits for room
    if (under >= rule.maxInFlight || memory.bytes > memory.limitBytes) {
      observer.mirrored(of, 'skipped');
      return;
    }
    inFlight.set(of, under + 1);
    const target: Target = {
      model: rule.model ?? of.model,
      signature: of.signature,
      ...(rule.fleet === undefined ? {} : { fleet: rule.fleet }),
      ...(rule.version === undefined ? {} : { version: rule.version }),
    };
    const mine = new CopyMemory(memory);
    void copy(call, target, rule, mine)
      .catch(() => 'failed' as const)
      .then((outcome) => {
        mine.end();
        inFlight.set(of, (inFlight.get(of) ?? 1) - 1);
        observer.mirrored(of, outcome);
      });
  }

  return (next) => (call) => {
    const { target } = call;
    const rule = target === undefined ? undefined : rules.get(target);
    if (
      target !== undefined &&
      rule !== undefined &&
      call.kind === 'unary' &&
      call.method.idempotent &&
      call.sequence === undefined &&
      !isInformation(call.method) &&
      random() * 100 < rule.percent
    )
      mirror(call, target, rule);
    return next(call);
  };
}
