/** One side of a bridge: what the calls of an API mean. */
import type { StatusError } from '../base/status.ts';
import type { Chunks } from '../codec/index.ts';
import type { ModelServer } from './inference.ts';

export interface DoorContext {
  /** The most that one tensor may take once every value is written out. */
  readonly maxBytes: number;
}

/** Reads a request message, asks a server, and gives the reply's message. @throws StatusError */
export type Answerer = (message: Chunks, server: ModelServer, context: DoorContext) => Promise<Chunks>;

/** The same for each message of a stream: an answer that is an error does not end it. */
export interface StreamAnswerer {
  readonly answer: Answerer;
  /** What says that a request failed. */
  readonly failed: (request: Chunks, error: StatusError) => Chunks;
}

export interface RequestDialect {
  /** As errors say it. */
  readonly name: string;
  /** By method name; the methods that are missing have no equivalent elsewhere. */
  readonly calls: ReadonlyMap<string, Answerer>;
  /** The same of streams. */
  readonly streams?: ReadonlyMap<string, StreamAnswerer>;
}
