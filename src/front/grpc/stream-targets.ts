/** Sees to it that each message of a stream asks the model that the stream was admitted, routed and counted for. */
import { uint32At } from '../../base/bytes.ts';
import { StatusError } from '../../base/status.ts';
import { prefixBytes } from '../../call/index.ts';
import {
  type InflateLimits,
  inflateMessage,
  type ModelSpec,
  TargetWatch,
  versionTextOf,
} from '../../codec/index.ts';

/** Where the stream goes on. */
export interface StreamSink {
  /** These chunks may go on. */
  pass(chunk: Uint8Array): void;
  /** So many bytes wait here, or, negative, wait no longer. @throws StatusError when there is no room for them */
  hold(bytes: number): void;
  refuse(reason: StatusError): void;
  /** All has gone on, and the client has ended the stream. */
  end(): void;
}

/**
 * Checks that each message of a V2 stream after the first names the model and version of `spec`. Uncompressed
 * messages pass chunk by chunk; a compressed one is held in memory and inflated before it passes.
 */
export class StreamTargets {
  readonly #expected: readonly Uint8Array[];
  readonly #encoding: string;
  readonly #limits: InflateLimits;
  readonly #sink: StreamSink;
  /** Of the message under way: bytes of its prefix, its length, and what follows its names. */
  #prefix = 0;
  #length = 0;
  #watch: TargetWatch | undefined;
  #left: number;
  /** A compressed message, whole or not, and all that came behind it: it is read before anything goes on. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #busy = false;
  #ended = false;

  /** @param left bytes of the first message that have not come, which is watched by whoever opened it */
  constructor(
    spec: ModelSpec,
    left: number,
    { encoding, limits, sink }: { encoding: string; limits: InflateLimits; sink: StreamSink },
  ) {
    this.#expected = [Buffer.from(spec.name), Buffer.from(versionTextOf(spec))];
    this.#left = left;
    this.#encoding = encoding;
    this.#limits = limits;
    this.#sink = sink;
  }

  /** Takes a chunk. @returns whether it may go on as it is; else the sink gets it in its time @throws StatusError */
  push(chunk: Uint8Array): boolean {
    if (this.#held === undefined) {
      const at = this.#scan(chunk);
      if (at === chunk.length) return true;
      if (at > 0) this.#sink.pass(chunk.subarray(0, at));
      this.#held = [];
      chunk = chunk.subarray(at);
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.#sink.hold(chunk.length);
    this.#readHeld();
    return false;
  }

  /** The client has ended the stream. @returns whether all has gone on; else the sink hears of it */
  end(): boolean {
    this.#ended = true;
    return this.#held === undefined;
  }

  /** Passes over messages; gives where one begins that is compressed, or the chunk's length. */
  #scan(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const part = chunk.subarray(at, at + this.#left);
        this.#watch?.feed(part);
        this.#left -= part.length;
        at += part.length;
        continue;
      }
      const byte = chunk[at] as number;
      if (this.#prefix === 0 && byte !== 0) return at;
      at++;
      this.#length = this.#prefix === 0 ? 0 : this.#length * 256 + byte;
      if (++this.#prefix < prefixBytes) continue;
      this.#prefix = 0;
      this.#left = this.#length;
      this.#watch = this.#newWatch(this.#length);
      if (this.#length === 0) this.#watch.finish();
    }
    return at;
  }

  #newWatch(length: number): TargetWatch {
    return new TargetWatch(2, 'model_name and model_version', length, this.#expected);
  }

  #readHeld(): void {
    if (this.#busy || this.#heldBytes < prefixBytes) return;
    const held = this.#held as Uint8Array[];
    if ((held[0] as Uint8Array).length < prefixBytes) held.splice(0, held.length, Buffer.concat(held));
    const size = prefixBytes + uint32At(held[0] as Uint8Array, 1);
    if (this.#heldBytes < size) return;
    this.#busy = true;
    const all = Buffer.concat(held);
    this.#held = [all];
    inflateMessage(all.subarray(prefixBytes, size), this.#encoding, this.#limits)
      .then((message) => {
        const watch = this.#newWatch(message.length);
        watch.feed(message);
        if (message.length === 0) watch.finish();
        this.#goOn(size);
      })
      .catch((reason: unknown) => {
        this.#sink.refuse(StatusError.from(reason));
      });
  }

  /** The message of so many bytes at the front of what is held was read. */
  #goOn(size: number): void {
    const all = Buffer.concat(this.#held as Uint8Array[]);
    this.#sink.hold(-this.#heldBytes);
    this.#held = undefined;
    this.#heldBytes = 0;
    this.#busy = false;
    this.#sink.pass(all.subarray(0, size));
    const rest = all.subarray(size);
    if (rest.length > 0 && this.push(rest)) this.#sink.pass(rest);
    if (this.#ended && this.#held === undefined) this.#sink.end();
  }
}
