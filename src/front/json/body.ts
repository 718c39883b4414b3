/**
 * A request's body, given to its decoder as it arrives; inflated when it is compressed, and never more of it than the
 * limits.
 */
import type { Clock } from '../../base/clock.ts';
import { guarded } from '../../base/faults.ts';
import { Code, type StatusDetails, StatusError } from '../../base/status.ts';
import type { Observer } from '../../call/index.ts';
import {
  BodyTooLarge,
  type Coding,
  codings,
  createInflater,
  type Inflater,
  type JsonBody,
} from '../../codec/index.ts';
import { ReadBuffer } from '../../wire/index.ts';
import { MinBodyRate, type MinBodyRateOptions } from '../min-body-rate.ts';
import { ChunkQueue } from './chunk-queue.ts';
import { spend, turnIsSpent, whenTurnComes } from './decode-budget.ts';
import type { BodyReader, JsonRequest } from './json-request.ts';

/**
 * What zlib inflates into, in bytes: memory of its own, which can be given back, where its usual 16 KiB are parts of
 * Node's pool, and cost more CPU. Not for bodies so small that it would be empty mostly.
 */
const inflatedChunkBytes = 65_536;
const smallBytes = 16_384;

/** Told apart from a backend's RESOURCE_EXHAUSTED: HTTP has a status for a body that is too large. */
export class BodyError extends StatusError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string, details: Pick<StatusDetails, 'cause' | 'accepts'> = {}) {
    super(Code.INVALID_ARGUMENT, message, details);
    this.httpStatus = httpStatus;
  }
}

export interface BodyLimits {
  /** Of text, after inflation. */
  readonly maxBytes: number;
  /** Text for each compressed byte, above what any body may be. */
  readonly maxInflateRatio: number;
  readonly pace: MinBodyRateOptions;
}

export interface BodyDeps {
  readonly clock: Clock;
  readonly observer: Observer;
}

const noBytes = Buffer.alloc(0);

/** Below this a body may inflate as it likes: empty images do, and it is little. */
const freeInflatedBytes = 2 ** 20;

function tooLarge(maxBytes: number): BodyError {
  return new BodyError(413, `request body is larger than the limit of ${maxBytes} bytes`);
}

/**
 * The one coding of a body; undefined for plain text.
 * @throws BodyError 415, with those that are taken (RFC 9110 §15.5.16), also for several: a bomb within a bomb
 */
function codingOf(contentEncoding: string | undefined): Coding | undefined {
  if (contentEncoding === undefined) return undefined;
  const words = contentEncoding.split(',').map((word) => word.trim().toLowerCase());
  const named = words.filter((word) => word !== '' && word !== 'identity');
  const [first] = named;
  if (first === undefined) return undefined;
  const coding = codings.find((each) => each === (first === 'x-gzip' ? 'gzip' : first));
  if (coding !== undefined && named.length === 1) return coding;
  const offered = codings.join(', ');
  throw new BodyError(
    415,
    `content-encoding "${contentEncoding.slice(0, 40)}" is not read here: send identity or one of ${offered}`,
    { accepts: codings },
  );
}

/** A decoder that takes text as it comes. */
interface Decoder<T> extends Pick<JsonBody<T>, 'push' | 'finish'> {
  /** What push() was given last is its own from then on. */
  readonly keepsChunks?: boolean;
}

interface Outcome<T> {
  resolve(value: T): void;
  reject(reason: Error): void;
}

/** Reads a body to its end, a turn's share at a time. */
class BodyReading<T> implements BodyReader {
  readonly #request: JsonRequest;
  readonly #decoder: Decoder<T>;
  readonly #limits: BodyLimits;
  readonly #observer: Observer;
  readonly #outcome: Outcome<T>;
  readonly #pace: MinBodyRate;
  readonly #coding: Coding | undefined;
  /** Made for the first byte, which says what deflate means. */
  #inflater: Inflater | undefined;
  /** Text that waits for its turn. */
  readonly #queue = new ChunkQueue();
  /** Bytes as they came. */
  #received = 0;
  /** Bytes of text. */
  #inflated = 0;
  #ended = false;
  #over = false;

  constructor(
    request: JsonRequest,
    decoder: Decoder<T>,
    limits: BodyLimits,
    { clock, observer }: BodyDeps,
    outcome: Outcome<T>,
  ) {
    this.#request = request;
    this.#decoder = decoder;
    this.#limits = limits;
    this.#observer = observer;
    this.#outcome = outcome;
    this.#pace = new MinBodyRate(limits.pace, clock);
    this.#coding = codingOf(request.head.contentEncoding);
    if (this.#coding === undefined && (request.head.contentLength ?? 0) > limits.maxBytes)
      throw tooLarge(limits.maxBytes);
  }

  onData(chunk: Buffer, memory?: ReadBuffer): void {
    const { length } = chunk;
    this.#received += length;
    if (this.#over) this.#request.credit(length);
    else if (this.#coding === undefined) this.#take(chunk, memory);
    else if (length > 0 && this.#hold(length))
      this.#inflaterFor(this.#coding, chunk).write(chunk, (failed) => {
        // a thread may still read what was given up
        if (!failed) memory?.release(length);
        this.#request.hold(-length);
        this.#request.credit(length);
      });
  }

  onEnd(): void {
    if (this.#coding === undefined) this.#textEnds();
    else if (!this.#over) this.#inflaterFor(this.#coding, noBytes).end();
  }

  onLost(reason: StatusError): void {
    this.#fail(reason);
  }

  onTick(): void {
    if (this.#over) return;
    try {
      // a client with text here waits for us, not we for it
      this.#pace.check(this.#received, this.#queue.length > 0);
    } catch (cause) {
      this.#observer.limited('slow body');
      this.#fail(new BodyError(408, (cause as Error).message, { cause }));
    }
  }

  #inflaterFor(coding: Coding, first: Buffer): Inflater {
    return (this.#inflater ??= this.#inflate(coding, first));
  }

  #inflate(coding: Coding, first: Buffer): Inflater {
    const { maxInflateRatio } = this.#limits;
    const { contentLength = Number.POSITIVE_INFINITY } = this.#request.head;
    // RFC 9110 §8.4.1.2: some senders leave the zlib header out. It begins with the method, 8
    const isRaw = first.length > 0 && ((first[0] as number) & 0x0f) !== 8;
    const chunkSize = contentLength < smallBytes ? undefined : inflatedChunkBytes;
    const inflater = createInflater(coding, chunkSize, isRaw);
    const inflated = (chunk: Buffer): void => {
      if (this.#over) return;
      this.#inflated += chunk.length;
      if (this.#inflated > Math.max(freeInflatedBytes, inflater.bytesWritten * maxInflateRatio)) {
        this.#fail(
          new BodyError(413, `request body inflates to more than ${maxInflateRatio} times its size`),
        );
        return;
      }
      // unless it is full, zlib writes to the rest of it next
      const memory = ReadBuffer.of(chunk);
      memory?.lend(chunk.length);
      memory?.sliced();
      this.#take(chunk, memory);
      if (this.#queue.length > 0) inflater.pause();
    };
    // behind the end of deflate data and of a zstd frame zlib looks no further; others may
    const broken = (cause: unknown = new Error('bytes behind the end of the data')): void => {
      this.#fail(new BodyError(400, `request body is no valid ${coding}`, { cause }));
    };
    const failed = (reason: unknown): void => {
      this.#fail(reason);
    };
    inflater.on('data', guarded('stream', inflated, failed));
    inflater.on(
      'end',
      guarded(
        'stream',
        () => {
          if (coding !== 'gzip' && inflater.bytesWritten < this.#received) broken();
          else this.#textEnds();
        },
        failed,
      ),
    );
    inflater.on('error', (cause) => {
      broken(cause);
    });
    return inflater;
  }

  /** False when there is no room: the body is over. */
  #hold(bytes: number): boolean {
    try {
      this.#request.hold(bytes);
      return true;
    } catch (reason) {
      this.#fail(reason);
      return false;
    }
  }

  #take(chunk: Buffer, memory: ReadBuffer | undefined): void {
    if (!this.#hold(chunk.length)) return;
    if (this.#queue.length === 0 && !turnIsSpent()) this.#decode(chunk, memory);
    else {
      if (this.#queue.length === 0) whenTurnComes(this.#goOn);
      this.#queue.push({ chunk, memory });
    }
  }

  readonly #goOn = (): void => {
    const queue = this.#queue;
    while (!this.#over && !turnIsSpent()) {
      const piece = queue.shift();
      if (piece === undefined) break;
      this.#decode(piece.chunk, piece.memory);
    }
    if (this.#over) queue.clear();
    if (queue.length > 0) whenTurnComes(this.#goOn);
    else if (this.#ended) this.#finish();
    else this.#inflater?.resume();
  };

  #decode(chunk: Buffer, memory: ReadBuffer | undefined): void {
    const { length } = chunk;
    try {
      this.#decoder.push(chunk);
    } catch (reason) {
      this.#fail(reason instanceof BodyTooLarge ? tooLarge(this.#limits.maxBytes) : reason);
      return;
    }
    spend(length);
    if (this.#decoder.keepsChunks !== true) memory?.release(length);
    if (this.#coding === undefined) this.#request.credit(length);
  }

  #textEnds(): void {
    this.#ended = true;
    if (this.#queue.length === 0) this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    try {
      const result = this.#decoder.finish();
      this.#over = true;
      this.#outcome.resolve(result);
    } catch (reason) {
      this.#fail(reason);
    }
  }

  #fail(reason: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#queue.clear();
    this.#inflater?.destroy();
    this.#outcome.reject(reason instanceof Error ? reason : new Error(String(reason)));
  }
}

/**
 * Reads a body to its end.
 * @throws BodyError 408 when it is too slow, 413 beyond a limit, 415 for a coding that is not read, 400 for broken
 *   data; what the decoder throws
 */
export function readBody<T>(
  request: JsonRequest,
  decoder: Decoder<T>,
  limits: BodyLimits,
  deps: BodyDeps,
): Promise<T> {
  return new Promise((resolve, reject) => {
    request.read(new BodyReading(request, decoder, limits, deps, { resolve, reject }));
  });
}
