/** A worker's part of what workers say to each other: questions to the others, and answers to theirs. */
import type { After } from '../../base/clock.ts';
import { detach, fault } from '../../base/faults.ts';
import type { Kept } from './kept-counts.ts';
import type { Ask, FromWorker, ToWorker } from './messages.ts';

export interface Peers {
  /** Of this worker: no other one has it, nor will. */
  readonly id: number;
  /** Whether this one says, in the log, what every worker sees: one of them does. */
  readonly speaks: boolean;
  /** Called when that begins. */
  onSpeak(listener: () => void): void;
  /** What the other workers answer, as far as they do in time. */
  askOthers(topic: string, value?: unknown): Promise<unknown[]>;
  /** What the leading worker answers; undefined when this one leads, or when the leader is silent. */
  askLeader(topic: string, value: unknown): Promise<unknown>;
  /** What the first process has kept of what was counted; undefined when it is silent. */
  askKept(): Promise<Kept | undefined>;
  /** Tells the first process what this worker has counted; resolves when it is on its way. */
  keep(counts: string): Promise<void>;
  tellOthers(topic: string, value: unknown): void;
  /** How this worker answers; an answer of undefined is none. */
  respond(topic: string, answer: (value: unknown) => unknown): void;
  subscribe(topic: string, listener: (value: unknown, from: number) => void): void;
}

export interface PeersDeps {
  readonly id: number;
  /** @param sent called when it is on its way, or has nowhere to go */
  readonly send: (message: FromWorker, sent?: () => void) => void;
  readonly after: After;
  /** For one answer, in ms. */
  readonly timeoutMs: number;
}

interface Open {
  readonly answers: unknown[];
  expected: number;
  readonly end: () => void;
}

/**
 * Creates a worker's end of the channel to the other workers; receive() takes what comes from the primary
 * process. A question resolves with the answers that came within `timeoutMs`.
 */
export function createPeers({
  id: ownId,
  send,
  after,
  timeoutMs,
}: PeersDeps): Peers & { receive(message: ToWorker): void } {
  const open = new Map<number, Open>();
  const questions = new Map<string, (value: unknown) => unknown>();
  const news = new Map<string, (value: unknown, from: number) => void>();
  let sequence = 0;
  let speaks = false;
  let onSpeak: (() => void) | undefined;

  function ask(to: Ask['to'], topic: string, value: unknown): Promise<unknown[]> {
    return new Promise((resolve) => {
      const id = ++sequence;
      const disarm = after(timeoutMs, () => {
        entry.end();
      });
      const entry: Open = {
        answers: [],
        expected: Number.POSITIVE_INFINITY,
        end() {
          disarm();
          open.delete(id);
          resolve(entry.answers);
        },
      };
      open.set(id, entry);
      send({ kind: 'ask', id, to, topic, value });
    });
  }

  function settle(entry: Open): void {
    if (entry.answers.length >= entry.expected) entry.end();
  }

  async function reply(requester: number, id: number, topic: string, value: unknown): Promise<void> {
    // a question that nobody here answers, or that fails, is answered too: the requester need not wait for its time-out
    const answer: unknown = await Promise.resolve()
      .then(() => questions.get(topic)?.(value))
      .catch((reason: unknown) => {
        fault('worker', reason);
      });
    send({ kind: 'reply', requester, id, value: answer });
  }

  return {
    id: ownId,
    get speaks() {
      return speaks;
    },
    onSpeak: (listener) => void (onSpeak = listener),
    async askKept() {
      return (await ask('first', 'counts', undefined))[0] as Kept | undefined;
    },
    keep: (counts) =>
      new Promise((resolve) => {
        const disarm = after(timeoutMs, resolve);
        send({ kind: 'keep', counts }, () => {
          disarm();
          resolve();
        });
      }),
    async askOthers(topic, value) {
      return (await ask('others', topic, value)).filter((answer) => answer !== undefined);
    },
    async askLeader(topic, value) {
      return (await ask('leader', topic, value))[0];
    },
    tellOthers(topic, value) {
      send({ kind: 'tell', topic, value });
    },
    respond: (topic, answer) => void questions.set(topic, answer),
    subscribe: (topic, listener) => void news.set(topic, listener),
    receive(message) {
      switch (message.kind) {
        case 'expect': {
          const entry = open.get(message.id);
          if (entry === undefined) return;
          entry.expected = message.answers;
          settle(entry);
          break;
        }
        case 'answer': {
          const entry = open.get(message.id);
          if (entry === undefined) return;
          entry.answers.push(message.value);
          settle(entry);
          break;
        }
        case 'question':
          detach('worker', reply(message.requester, message.id, message.topic, message.value));
          break;
        case 'speak':
          speaks = true;
          onSpeak?.();
          break;
        case 'news':
          news.get(message.topic)?.(message.value, message.from);
      }
    },
  };
}
