/** Reads a gRPC request until its target is known, and passes on what comes after. */
import { joinInto, uint32At } from '../../base/bytes.ts';
import { detach } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import { type BufferOwner, type Metadata, prefixBytes, type Target } from '../../call/index.ts';
import type { ModelSpec, TargetWatch } from '../../codec/index.ts';
import { CallDeadline } from './call-deadline.ts';
import { type StreamSink, StreamTargets } from './stream-targets.ts';
import { type Opened, TargetReader } from './target-reader.ts';

/** A gRPC call at the server that knows what its request's bytes are for: the target, the flow, or nobody any more. */
export abstract class RequestReader extends CallDeadline {
  #opening: TargetReader | undefined;
  /** Of a message that was not whole when the call began. */
  #rest: TargetWatch | undefined;
  /** Of a stream whose messages name a model each. */
  #targets: StreamTargets | undefined;
  /** Chunks that came while a compressed message was being read. */
  #waiting: Uint8Array[] | undefined;
  /** As Call has them. */
  protected scalarText = false;
  protected zeroVersion = false;

  /**
   * The target is known, or there is none: the call begins, and its request is a flow from here on.
   * @param chunks all that came
   * @param memory of these, when it is known
   */
  protected abstract dispatch(
    target: Target | undefined,
    chunks: readonly Uint8Array[],
    memory?: BufferOwner,
  ): void;

  /** Nothing can be said any more: the stream ends, and whoever works for it is called off. */
  protected abstract giveUp(): void;

  /** A compressed message is being read for its target. */
  protected get isInflating(): boolean {
    return this.#waiting !== undefined;
  }

  /** Messages behind the first are looked at before the request's flow ends. */
  protected get readsTargets(): boolean {
    return this.#targets !== undefined;
  }

  onData(chunk: Buffer, memory?: BufferOwner): void {
    this.received += chunk.length;
    if (this.reply.over) {
      memory?.release(chunk.length);
      this.stream.credit(chunk.length);
      return;
    }
    try {
      this.watch.feed(chunk);
      if (this.deps.memory.bytes > this.deps.memory.limitBytes) this.claimRoom(chunk);
      if (this.#opening !== undefined || this.#waiting !== undefined) this.#open(chunk, false, memory);
      else this.#pass(chunk, memory);
    } catch (reason) {
      this.refuse(reason);
    }
  }

  onEnd(_trailers: Metadata): void {
    this.requestEnded = true;
    if (this.reply.over) return;
    try {
      if (!this.watch.atBoundary) {
        throw new StatusError(Code.INTERNAL, 'the request ended inside a message');
      }
      if (this.#opening !== undefined) this.#open(undefined, true);
      else if (this.#waiting === undefined && this.#targets?.end() !== false) this.request?.end();
    } catch (reason) {
      this.refuse(reason);
    }
  }

  /** The method's messages name a model: nothing goes on before it is known which. */
  protected awaitTarget(): void {
    const { head } = this;
    const { resolve, options } = this.deps;
    const { method, encoding } = head;
    this.#opening = new TargetReader({ method, encoding, memory: this }, options, (spec) => {
      this.extendDeadline(spec.name);
      return resolve(spec, head);
    });
    this.watchTarget();
  }

  protected override letGo(): void {
    this.#waiting = undefined;
    this.#opening = undefined;
    this.clearTimer();
    super.letGo();
  }

  #open(chunk: Uint8Array | undefined, complete: boolean, memory?: BufferOwner): void {
    if (chunk !== undefined) this.prepay(chunk.length);
    if (this.#waiting !== undefined) {
      if (chunk !== undefined) {
        joinInto(this.#waiting, chunk);
        this.holdEarly(chunk.length);
      }
      this.#checkSingle();
      return;
    }
    if (complete && this.head.method.streaming && this.prepaid === 0) {
      // a stream that ends before its first message
      this.#opening = undefined;
      this.dispatch(undefined, []);
      return;
    }
    const opening = this.#opening as TargetReader;
    // hot: 0020: a promise only for a compressed message that is long
    const opened = opening.push(chunk, complete);
    if (chunk !== undefined && (opened === undefined || opened instanceof Promise))
      this.holdEarly(chunk.length);
    if (opened === undefined) return;
    this.#opening = undefined;
    if (!(opened instanceof Promise)) {
      this.zeroVersion = opening.zeroVersion;
      this.#started(opened, [], chunk, memory);
      return;
    }
    const waiting: Uint8Array[] = [];
    this.#waiting = waiting;
    detach(
      'stream',
      opened.then(
        (result) => {
          this.#waiting = undefined;
          this.zeroVersion = opening.zeroVersion;
          if (!this.reply.over) this.#started(result, waiting);
        },
        (reason: unknown) => {
          this.refuse(reason);
        },
      ),
      () => {
        this.giveUp();
      },
    );
  }

  /** @param memory of the newest chunk, which counts when it is all that goes on */
  #started(
    { target, spec, chunks, watch, scalarText }: Opened,
    more: readonly Uint8Array[],
    newest?: Uint8Array,
    memory?: BufferOwner,
  ): void {
    try {
      this.#checkSingle();
      this.#rest = watch;
      const all = more.length === 0 ? chunks : [...chunks, ...more];
      if (this.head.method.streaming && target !== undefined) this.#beginStream(target, spec, all);
      else {
        this.scalarText = scalarText;
        this.dispatch(target, all, all.length === 1 && all[0] === newest ? memory : undefined);
      }
    } catch (reason) {
      this.refuse(reason);
    }
  }

  /** statuscodes.md: the wrong number of messages for the method's kind. */
  #checkSingle(): void {
    if (this.watch.messages <= 1 || this.head.method.streaming) return;
    throw new StatusError(
      Code.UNIMPLEMENTED,
      `${this.head.method.name} takes one request message, more came`,
    );
  }

  #pass(chunk: Uint8Array, memory: BufferOwner | undefined): void {
    const request = this.request;
    if (request === undefined) return;
    if (this.watch.messages > 1) this.#checkSingle();
    // before it is sent on: no backend shall have the whole of a message that means another model
    if (this.#rest !== undefined) this.#rest.feed(chunk);
    if (this.#targets === undefined || this.#targets.push(chunk)) request.push(chunk, memory);
    else this.prepay(chunk.length);
  }

  /**
   * The first message has been read, as far as it has come; those that follow will be.
   * @param chunks all that has come
   */
  #beginStream(target: Target, spec: ModelSpec, chunks: readonly Uint8Array[]): void {
    const all = chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
    const size = prefixBytes + uint32At(all, 1);
    const sink: StreamSink = {
      pass: (chunk) => this.request?.push(chunk),
      hold: this.hold.bind(this),
      refuse: this.evict.bind(this),
      end: () => this.request?.end(),
    };
    const how = { encoding: this.head.encoding, limits: this.deps.options, sink };
    this.#targets = new StreamTargets(spec, Math.max(0, size - all.length), how);
    this.dispatch(target, [all.subarray(0, size)]);
    const behind = all.subarray(size);
    if (behind.length > 0 && this.#targets.push(behind)) this.request?.push(behind);
    if (this.requestEnded && this.#targets.end()) this.request?.end();
  }
}
