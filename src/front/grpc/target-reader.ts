/** Finds out which model a request is for, from the first bytes of its message and while the rest still arrives. */
import { joinInto, uint32At } from '../../base/bytes.ts';
import { Code, StatusError } from '../../base/status.ts';
import { messagePrefix, type Method, prefixBytes, type Target } from '../../call/index.ts';
import {
  encodeModelSpec,
  encodeV2Spec,
  type FoundSpec,
  inflateEach,
  type InflateLimits,
  inflateMessage,
  inflateUntil,
  mayBeScalarText,
  type ModelSpec,
  readModelSpec,
  readTaskSpec,
  readV2Spec,
  replaceModelSpec,
  replaceTaskSpecs,
  replaceV2Spec,
  TargetWatch,
} from '../../codec/index.ts';
import type { CallMemory } from '../../memory/index.ts';
import { isSpecOf, specOf, statedVersion } from '../../models/index.ts';
import { isInflated } from './head.ts';

/** A fully known beginning: who is asked, and the chunks to send on in place of those that came. */
export interface Opened {
  /** Undefined for a question about all models. */
  readonly target: Target | undefined;
  /** What the message says now. */
  readonly spec: ModelSpec;
  readonly chunks: readonly Uint8Array[];
  /** Must see the rest of the message before it is sent on; undefined when it is here. */
  readonly watch?: TargetWatch | undefined;
  /** As Call has it. */
  readonly scalarText: boolean;
}

/** A model that a message names, and what it says of it. */
interface Resolved {
  readonly target: Target;
  readonly spec: ModelSpec;
}

/** The model that a client's spec means, and where it is served. */
export type Resolve = (spec: ModelSpec) => Target;

/** How the two APIs name a model at the front of a message. */
interface Naming {
  /** As readModelSpec(). */
  read(message: Uint8Array, complete: boolean): FoundSpec | null | undefined;
  /** What stands between a found spec's start and end, anew. */
  encode(spec: ModelSpec): Uint8Array;
  /** A whole message with another spec, in one place. */
  replace(message: Uint8Array, spec: ModelSpec): Uint8Array[];
  /** Sees to it that no other spec follows. @param left as TargetWatch has it */
  watch(left: number): TargetWatch;
  readonly missing: StatusError;
}

const modelSpecTag = (1 << 3) | 2;

/** Without a name they are about all models, as Triton has it. */
const mayBeNameless: ReadonlySet<string> = new Set(['/inference.GRPCInferenceService/ModelStatistics']);
const noSpec: ModelSpec = { name: '', signature: '' };

const bySpec: Naming = {
  read: readModelSpec,
  encode(spec) {
    const inner = encodeModelSpec(spec);
    return Uint8Array.from([modelSpecTag, ...varint(inner.length), ...inner]);
  },
  replace: replaceModelSpec,
  watch: (left) => new TargetWatch(1, 'model_spec', left),
  missing: new StatusError(Code.INVALID_ARGUMENT, 'Missing ModelSpec'),
};

const byName: Naming = {
  read: readV2Spec,
  encode: encodeV2Spec,
  replace: replaceV2Spec,
  watch: (left) => new TargetWatch(2, 'model_name or model_version', left),
  missing: new StatusError(Code.INVALID_ARGUMENT, 'the request names no model'),
};

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  bytes.push(value);
  return bytes;
}

/** Sends another spec in front of what came: only the first chunk and the length prefix change. */
function withField(first: Uint8Array, start: number, end: number, field: Uint8Array): Uint8Array[] {
  const length = uint32At(first, 1) - (end - start) + field.length;
  return [
    messagePrefix(length),
    first.subarray(prefixBytes, prefixBytes + start),
    field,
    first.subarray(prefixBytes + end),
  ].filter((part) => part.length > 0);
}

/** A message as an uncompressed gRPC one. */
function framed(message: readonly Uint8Array[]): Uint8Array[] {
  return [messagePrefix(message.reduce((sum, part) => sum + part.length, 0)), ...message];
}

function isSameSpec(one: ModelSpec, other: ModelSpec): boolean {
  return (
    one.name === other.name &&
    one.version === other.version &&
    one.label === other.label &&
    one.signature === other.signature
  );
}

/**
 * Incremental parser for the model of a request (ModelSpec, or V2's model_name and model_version). It resolves the
 * model to a target, and rewrites the spec in the message where the target has another one.
 */
export class TargetReader {
  readonly #method: Method;
  readonly #resolve: Resolve;
  readonly #encoding: string;
  readonly #limits: InflateLimits;
  readonly #memory: CallMemory;
  /** The spec is in the tasks of the message and not in the message itself. */
  readonly #inTasks: boolean;
  readonly #naming: Naming;
  readonly #isPredict: boolean;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes that must be there before another look is worth its while: doubles, so that a drip costs linear time. */
  #next = prefixBytes + 1;
  /** As Call has it; known once the target is. */
  zeroVersion = false;

  /** @param call its method, the coding of its messages, and where it is counted what is inflated */
  constructor(
    call: { readonly method: Method; readonly encoding: string; readonly memory: CallMemory },
    limits: InflateLimits,
    resolve: Resolve,
  ) {
    const { method, encoding, memory } = call;
    this.#method = method;
    this.#inTasks = method.target === 'tasks';
    this.#isPredict = method.target === 'spec' && method.name === 'Predict';
    this.#naming = method.target === 'name' ? byName : bySpec;
    this.#encoding = encoding;
    this.#limits = limits;
    this.#memory = memory;
    this.#resolve = resolve;
  }

  /**
   * Takes a chunk; gives the target as soon as it is known, undefined until then. A promise for a compressed message.
   * @param complete the request ends here
   * @throws StatusError INVALID_ARGUMENT when the whole message names no model
   */
  push(chunk: Uint8Array | undefined, complete: boolean): Opened | Promise<Opened> | undefined {
    if (chunk !== undefined) {
      joinInto(this.#chunks, chunk);
      this.#bytes += chunk.length;
    }
    if (!complete && this.#bytes < this.#next) return undefined;
    const all = this.#joined();
    if (all.length < prefixBytes) {
      if (complete)
        throw new StatusError(
          Code.INVALID_ARGUMENT,
          `${this.#method.name} takes one request message, none came`,
        );
      return undefined;
    }
    const length = uint32At(all, 1);
    const whole = all.length >= prefixBytes + length;
    if (complete && !whole) {
      throw new StatusError(
        Code.INTERNAL,
        `the request ended inside its message: ${all.length - prefixBytes} of ${length} bytes came`,
      );
    }
    if (!whole && (all[0] !== 0 || this.#inTasks)) {
      this.#next = prefixBytes + length;
      return undefined;
    }
    const message = all.subarray(prefixBytes, prefixBytes + length);
    if (all[0] !== 0) return this.#inflated(all, message);
    if (this.#inTasks) return this.#tasks(message, [all]);
    const found = this.#naming.read(message, whole);
    if (found === undefined) {
      this.#next = Math.min(prefixBytes + length, this.#bytes * 2);
      return undefined;
    }
    if (found === null) return this.#nameless(this.#chunks);
    const target = this.#resolve(found.spec);
    const replaced = this.#rewritten(found.spec, target);
    if (found.scattered) return this.#gathered(message, { target, spec: replaced ?? found.spec }, all);
    const watch = whole ? undefined : this.#naming.watch(length - found.end);
    watch?.feed(message.subarray(found.end));
    const scalarText = this.#mayBeScalarText(message, found, whole);
    if (replaced === undefined) return { target, spec: found.spec, chunks: this.#chunks, watch, scalarText };
    const chunks = withField(all, found.start, found.end, this.#naming.encode(replaced));
    return { target, spec: replaced, chunks, watch, scalarText };
  }

  /**
   * A whole message that names no model.
   * @throws StatusError INVALID_ARGUMENT for all methods but the one that may ask about all of them
   */
  #nameless(chunks: readonly Uint8Array[]): Opened {
    if (!mayBeNameless.has(this.#method.path)) throw this.#naming.missing;
    return { target: undefined, spec: noSpec, chunks, scalarText: false };
  }

  /** A whole message whose spec is in pieces: it is sent on in one, so that nobody can read another. */
  #gathered(message: Uint8Array, { target, spec }: Resolved, all: Uint8Array): Opened {
    const behind = all.subarray(prefixBytes + message.length);
    const chunks = framed(this.#naming.replace(message, spec));
    // nothing speaks against it: whoever wants to know looks closer
    const scalarText = this.#isPredict;
    return { target, spec, chunks: behind.length === 0 ? chunks : [...chunks, behind], scalarText };
  }

  #mayBeScalarText(message: Uint8Array, { start, end }: FoundSpec, whole: boolean): boolean {
    return this.#isPredict && mayBeScalarText(message, start === 0 ? end : 0, whole);
  }

  #joined(): Uint8Array {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Uint8Array;
  }

  /**
   * Looks into a compressed message; its bytes go on as they came unless the spec must be another one. It is read to
   * its end, where another spec may stand, but nothing of it is kept.
   */
  async #inflated(all: Uint8Array, message: Uint8Array): Promise<Opened> {
    let held = 0;
    const hold = (bytes: number): void => {
      held += bytes;
      this.#memory.hold(bytes);
    };
    const inflated = (): Promise<Uint8Array> => inflateMessage(message, this.#encoding, this.#limits, hold);
    try {
      const goesInflated = isInflated(this.#method, this.#encoding);
      if (this.#inTasks) {
        const tasks = await inflated();
        return this.#tasks(tasks, goesInflated ? framed([tasks]) : [all]);
      }
      if (goesInflated) return this.#anew(await inflated(), all);
      let whole = false;
      let scalarText = false;
      const read = (beginning: Uint8Array, complete: boolean): FoundSpec | null | undefined => {
        whole = complete;
        const spec = this.#naming.read(beginning, complete);
        if (spec !== null && spec !== undefined)
          scalarText = this.#mayBeScalarText(beginning, spec, complete);
        return spec;
      };
      const found = await inflateUntil(message, this.#encoding, this.#limits, read, hold);
      if (found === null || found === undefined) return this.#nameless([all]);
      const target = this.#resolve(found.spec);
      if (this.#rewritten(found.spec, target) !== undefined || found.scattered)
        return this.#anew(await inflated(), all, { spec: found.spec, target });
      if (!whole) await this.#watchInflated(message, found.end);
      return { target, spec: found.spec, chunks: [all], scalarText };
    } finally {
      // what goes on is the request's from here on
      this.#memory.hold(-held);
    }
  }

  /**
   * The same of a compressed message that is there inflated, since it has to be sent on so.
   * @param known what its beginning has said
   */
  #anew(message: Uint8Array, all: Uint8Array, known?: Resolved): Opened {
    const found = this.#naming.read(message, true);
    if (found === null || found === undefined) return this.#nameless(framed([message]));
    // a split that is asked twice may answer otherwise; what is named again behind it counts
    const target =
      known !== undefined && isSameSpec(known.spec, found.spec) ? known.target : this.#resolve(found.spec);
    // a stream's messages go on as they came
    if (this.#method.streaming) return { target, spec: found.spec, chunks: [all], scalarText: false };
    const spec = this.#rewritten(found.spec, target) ?? found.spec;
    const scalarText = this.#mayBeScalarText(message, found, true);
    return { target, spec, chunks: framed(this.#naming.replace(message, spec)), scalarText };
  }

  /** @param from where the spec ends that was found @throws StatusError when another one follows */
  async #watchInflated(message: Uint8Array, from: number): Promise<void> {
    const watch = this.#naming.watch(Number.POSITIVE_INFINITY);
    let passed = 0;
    await inflateEach(message, this.#encoding, this.#limits, (chunk) => {
      if (passed + chunk.length > from) watch.feed(chunk.subarray(Math.max(0, from - passed)));
      passed += chunk.length;
    });
    watch.finish();
  }

  /**
   * The spec to send in the place of the client's; undefined when that one is right, and for streams: only their
   * first message is seen here.
   */
  #rewritten(spec: ModelSpec, target: Target): ModelSpec | undefined {
    this.zeroVersion = spec.version !== undefined && statedVersion(spec.version) === undefined;
    return this.#method.streaming || isSpecOf(target, spec) ? undefined : specOf(target);
  }

  /** MultiInference names its model in each task. @param asItCame what to send when nothing needs to change */
  #tasks(message: Uint8Array, asItCame: readonly Uint8Array[]): Opened {
    const spec = readTaskSpec(message);
    // the model servers' own word for it
    if (spec === null) throw new StatusError(Code.INVALID_ARGUMENT, 'ModelSpec has no name specified.');
    const target = this.#resolve(spec);
    const replaced = this.#rewritten(spec, target);
    if (replaced === undefined) return { target, spec, chunks: asItCame, scalarText: false };
    const chunks = framed(replaceTaskSpecs(message, replaced));
    return { target, spec: replaced, chunks, scalarText: false };
  }
}
