/** The primary's part of what workers say to each other: it passes messages on, and knows who leads. */
import type { KeptCounts } from './kept-counts.ts';
import type { FromWorker, ToWorker } from './messages.ts';

export interface HubWorker {
  readonly id: number;
  /** A worker that is gone takes nothing, and says nothing of it. */
  send(message: ToWorker): void;
}

/** @param workers those that serve now, by age @param counts what the first process itself is told, and asked for */
export function createMessageRelay(
  workers: () => readonly HubWorker[],
  counts?: Pick<KeptCounts, 'keep' | 'kept'>,
): (from: HubWorker, message: FromWorker) => void {
  return (from, message) => {
    const others = workers().filter(({ id }) => id !== from.id);
    switch (message.kind) {
      case 'ask': {
        const { id, to, topic, value } = message;
        if (to === 'first') {
          from.send({ kind: 'expect', id, answers: 1 });
          from.send({ kind: 'answer', id, value: counts?.kept });
          break;
        }
        const [leader] = workers();
        const asked =
          to === 'others' ? others : leader === undefined || leader.id === from.id ? [] : [leader];
        from.send({ kind: 'expect', id, answers: asked.length });
        for (const worker of asked) worker.send({ kind: 'question', requester: from.id, id, topic, value });
        break;
      }
      case 'keep':
        counts?.keep(from.id, message.counts);
        break;
      case 'tell':
        for (const worker of others)
          worker.send({ kind: 'news', from: from.id, topic: message.topic, value: message.value });
        break;
      case 'reply':
        others
          .find(({ id }) => id === message.requester)
          ?.send({ kind: 'answer', id: message.id, value: message.value });
    }
  };
}
