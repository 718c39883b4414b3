/** A request's body, given to its decoder as it arrives; inflated when it is gzip, and never more of it than the limits. */
import { createGunzip, type Gunzip } from 'node:zlib';
import { type Clock, Code, type Observer, StatusError } from '../../call/index.ts';
import { BodyTooLarge, type JsonBody } from '../../codec/index.ts';
import { guarded } from '../../faults.ts';
import { ReadMemory } from '../../wire/index.ts';
import { Pace, type PaceOptions } from '../pace.ts';
import { PieceQueue } from './pieces.ts';
import type { BodyReader, HttpExchange } from './exchange.ts';
import { spend, turnIsSpent, whenTurnComes } from './turn.ts';

/**
 * What zlib inflates into, in bytes: memory of its own, which can be given back, where its usual 16 KiB are parts of
 * Node's pool, and cost more CPU. Not for bodies so small that it would be empty mostly.
 */
const inflatedChunkBytes = 65_536;
const smallGzipBytes = 16_384;

/** Told apart from a backend's RESOURCE_EXHAUSTED: HTTP has a status for a body that is too large. */
export class BodyError extends StatusError {
  readonly httpStatus: number;

  constructor(httpStatus: number, message: string, cause?: unknown) {
    super(Code.INVALID_ARGUMENT, message, { cause });
    this.httpStatus = httpStatus;
  }
}

export interface BodyLimits {
  /** Of text, after inflation. */
  readonly maxBytes: number;
  /** Text for each byte of gzip, above what any body may be. */
  readonly maxInflateRatio: number;
  readonly pace: PaceOptions;
}

export interface BodyDeps {
  readonly clock: Clock;
  readonly observer: Observer;
}

/** Below this a body may inflate as it likes: empty images do, and it is little. */
const freeInflatedBytes = 2 ** 20;

function tooLarge(maxBytes: number): BodyError {
  return new BodyError(413, `request body is larger than the limit of ${maxBytes} bytes`);
}

/** True for gzip, false for plain text. @throws BodyError 415 */
function isGzip(coding: string | undefined): boolean {
  if (coding === undefined || coding === '' || coding === 'identity') return false;
  if (coding === 'gzip' || coding === 'x-gzip') return true;
  throw new BodyError(
    415,
    `content-encoding "${coding.slice(0, 40)}" is not read here: send identity or gzip`,
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
  readonly #exchange: HttpExchange;
  readonly #decoder: Decoder<T>;
  readonly #limits: BodyLimits;
  readonly #observer: Observer;
  readonly #outcome: Outcome<T>;
  readonly #pace: Pace;
  readonly #gunzip: Gunzip | undefined;
  /** Text that waits for its turn. */
  readonly #queue = new PieceQueue();
  /** Bytes as they came. */
  #received = 0;
  /** Bytes of text. */
  #inflated = 0;
  #ended = false;
  #over = false;

  constructor(
    exchange: HttpExchange,
    decoder: Decoder<T>,
    limits: BodyLimits,
    { clock, observer }: BodyDeps,
    outcome: Outcome<T>,
  ) {
    this.#exchange = exchange;
    this.#decoder = decoder;
    this.#limits = limits;
    this.#observer = observer;
    this.#outcome = outcome;
    this.#pace = new Pace(limits.pace, clock);
    if (isGzip(exchange.head.contentEncoding)) this.#gunzip = this.#inflate();
    else if ((exchange.head.contentLength ?? 0) > limits.maxBytes) throw tooLarge(limits.maxBytes);
  }

  onData(chunk: Buffer, memory?: ReadMemory): void {
    const { length } = chunk;
    this.#received += length;
    if (this.#over) this.#exchange.credit(length);
    else if (this.#gunzip === undefined) this.#take(chunk, memory);
    else if (this.#hold(length))
      this.#gunzip.write(chunk, (failed) => {
        // a thread may still read what was given up
        if (!failed) memory?.giveBack(length);
        this.#exchange.hold(-length);
        this.#exchange.credit(length);
      });
  }

  onEnd(): void {
    if (this.#gunzip === undefined) this.#textEnds();
    else this.#gunzip.end();
  }

  onLost(reason: StatusError): void {
    this.#fail(reason);
  }

  onTick(): void {
    // a client with text here waits for us, not we for it
    if (this.#over || this.#queue.length > 0) return;
    try {
      this.#pace.check(this.#received);
    } catch (cause) {
      this.#observer.limited('slow body');
      this.#fail(new BodyError(408, (cause as Error).message, cause));
    }
  }

  #inflate(): Gunzip {
    const { maxInflateRatio } = this.#limits;
    const { contentLength = Number.POSITIVE_INFINITY } = this.#exchange.head;
    const gunzip = createGunzip(contentLength < smallGzipBytes ? {} : { chunkSize: inflatedChunkBytes });
    const inflated = (chunk: Buffer): void => {
      if (this.#over) return;
      this.#inflated += chunk.length;
      if (this.#inflated > Math.max(freeInflatedBytes, gunzip.bytesWritten * maxInflateRatio)) {
        this.#fail(
          new BodyError(413, `request body inflates to more than ${maxInflateRatio} times its size`),
        );
        return;
      }
      // unless it is full, zlib writes to the rest of it next
      const memory = ReadMemory.of(chunk);
      memory?.lend(chunk.length);
      memory?.isCut();
      this.#take(chunk, memory);
      if (this.#queue.length > 0) gunzip.pause();
    };
    const failed = (reason: unknown): void => {
      this.#fail(reason);
    };
    gunzip.on('data', guarded('stream', inflated, failed));
    gunzip.on(
      'end',
      guarded(
        'stream',
        () => {
          this.#textEnds();
        },
        failed,
      ),
    );
    gunzip.on('error', (cause) => {
      this.#fail(new BodyError(400, 'request body is no valid gzip', cause));
    });
    return gunzip;
  }

  /** False when there is no room: the body is over. */
  #hold(bytes: number): boolean {
    try {
      this.#exchange.hold(bytes);
      return true;
    } catch (reason) {
      this.#fail(reason);
      return false;
    }
  }

  #take(chunk: Buffer, memory: ReadMemory | undefined): void {
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
    else this.#gunzip?.resume();
  };

  #decode(chunk: Buffer, memory: ReadMemory | undefined): void {
    const { length } = chunk;
    try {
      this.#decoder.push(chunk);
    } catch (reason) {
      this.#fail(reason instanceof BodyTooLarge ? tooLarge(this.#limits.maxBytes) : reason);
      return;
    }
    spend(length);
    if (this.#decoder.keepsChunks !== true) memory?.giveBack(length);
    if (this.#gunzip === undefined) this.#exchange.credit(length);
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
    this.#gunzip?.destroy();
    this.#outcome.reject(reason instanceof Error ? reason : new Error(String(reason)));
  }
}

/**
 * Reads a body to its end.
 * @throws BodyError 408 when it is too slow, 413 beyond a limit, 415 for a coding that is not read, 400 for broken gzip; what the decoder throws
 */
export function readBody<T>(
  exchange: HttpExchange,
  decoder: Decoder<T>,
  limits: BodyLimits,
  deps: BodyDeps,
): Promise<T> {
  return new Promise((resolve, reject) => {
    exchange.read(new BodyReading(exchange, decoder, limits, deps, { resolve, reject }));
  });
}
