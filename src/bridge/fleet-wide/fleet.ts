/** A fleet as whoever asks all of its backends sees it. */
import type { StatusError } from '../../base/status.ts';
import type { Call, Metadata } from '../../call/index.ts';
import type { Chunks } from '../../codec/index.ts';

/** What one backend made of a question. */
export type BackendAnswer =
  | { readonly backend: string; readonly error: StatusError }
  | {
      readonly backend: string;
      readonly error: undefined;
      readonly message: Chunks;
      readonly metadata: Metadata;
    };

export interface WideQuestion {
  /** The client's; each backend gets one of its own, with its metadata. */
  readonly call: Call;
  readonly message: Uint8Array | Chunks;
  /** This backend alone; undefined for all. */
  readonly only: string | undefined;
  /** Those that have the call's model, where any has; otherwise every one. */
  readonly of: 'model' | 'fleet';
  /** How long one may take, in ms, Infinity for as long as the call; the call's deadline ends it, too. */
  readonly timeoutMs: number;
  /** Told of bytes of answers as they come. @throws StatusError when there is no room for them */
  readonly hold: (bytes: number) => void;
}

export interface WideFleet {
  /** As ModelRef has it. */
  readonly ofModels: string | undefined;
  /** There is, or may be, a backend. */
  readonly isUsed: boolean;
  /** How long a backend may take to say something of itself, in ms. */
  readonly askMs: number;
  /** Of its backends. */
  readonly names: readonly string[];
  /**
   * Asks them, no more than some at the same time. Backends that are down are not asked, and have an error.
   * @param told of each answer as it comes, with the backend's place among those that are meant; what it throws ends
   *   it all
   * @returns how many are meant
   * @throws StatusError UNAVAILABLE when there is nobody, the call's own end
   */
  askEach(question: WideQuestion, told: (answer: BackendAnswer, place: number) => void): Promise<number>;
  /** A model may be another one at its backends now, or any of them: what is known of it is looked up again. */
  changed(model: string | undefined): void;
}
