/**
 * Where log lines go: never waited for, bounded in what waits, and whatever the destination says, a line lost is all
 * that comes of it.
 */
import { fstatSync, mkdirSync, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { hideSecrets } from '../base/secrets.ts';

/** Calls back when the bytes are out, or with the reason why they are not. */
type Put = (bytes: Buffer, done: (error: Error | null | undefined) => void) => void;

/** How soon a destination that takes nothing just now is tried again, in ms. */
const againMs = 100;

/**
 * Writes log lines without blocking: one write at a time, and lines beyond `maxWaiting` characters are dropped
 * and counted.
 */
export class Lines {
  readonly #put: Put;
  readonly #maxWaiting: number;
  /** Lines for the next write, together. */
  #next = '';
  #nextLines = 0;
  /** Lines of the write under way. */
  #writing = 0;
  #writingLength = 0;
  #dropped = 0;
  #onIdle: (() => void) | undefined;

  /** @param maxWaiting characters of lines that wait; those beyond are dropped */
  constructor(put: Put, maxWaiting: number) {
    this.#put = put;
    this.#maxWaiting = maxWaiting;
  }

  /** Lines that the destination did not take. */
  get dropped(): number {
    return this.#dropped;
  }

  /** One line, with its end. */
  write(line: string): void {
    if (this.#next.length + this.#writingLength + line.length > this.#maxWaiting) {
      this.#dropped++;
      return;
    }
    this.#next += line;
    this.#nextLines++;
    if (this.#writing === 0) this.#begin();
  }

  /** Resolves when everything is out, or has been dropped, or after so many ms. */
  flush(maxMs: number): Promise<void> {
    if (this.#writing === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      const before = this.#onIdle;
      this.#onIdle = () => {
        clearTimeout(timer);
        before?.();
        resolve();
      };
    });
  }

  #begin(): void {
    const bytes = Buffer.from(hideSecrets(this.#next));
    this.#writing = this.#nextLines;
    this.#writingLength = this.#next.length;
    this.#next = '';
    this.#nextLines = 0;
    this.#put(bytes, (error) => {
      if (error !== null && error !== undefined) this.#dropped += this.#writing;
      this.#writing = 0;
      this.#writingLength = 0;
      if (this.#nextLines > 0) {
        this.#begin();
        return;
      }
      this.#onIdle?.();
      this.#onIdle = undefined;
    });
  }
}

/**
 * What writes to a descriptor or a file.
 * @throws the system's error for a file that cannot be opened: it fails the start
 */
export function putTo(destination: number | string): Put {
  if (typeof destination === 'string') {
    mkdirSync(dirname(destination), { recursive: true });
    // here and now, so that lines written just before an exit are kept
    return filePut(openSync(destination, 'a'));
  }
  const kind = fstatSync(destination);
  // a thread that writes to a pipe which nobody reads would never come back, and the process could not even end
  return kind.isFIFO() || kind.isSocket() ? streamPut(streamOf(destination)) : filePut(destination);
}

/** The process's own streams have the first descriptors; one descriptor takes one stream. */
function streamOf(descriptor: number): Writable {
  if (descriptor === 1) return process.stdout;
  if (descriptor === 2) return process.stderr;
  return new Socket({ fd: descriptor, readable: false, writable: true });
}

function streamPut(stream: Writable): Put {
  // each write is told what became of it
  if (stream.listenerCount('error') === 0) stream.on('error', () => undefined);
  return (bytes, done) => void stream.write(bytes, done);
}

function filePut(file: number): Put {
  return function put(bytes, done): void {
    write(file, bytes, 0, bytes.length, null, (error, written) => {
      if (error?.code === 'EAGAIN' || error?.code === 'EINTR') setTimeout(put, againMs, bytes, done);
      else if (error !== null || written === bytes.length) done(error);
      else put(bytes.subarray(written), done);
    });
  };
}
