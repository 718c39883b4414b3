/** Workers that talk through a hub, without processes: who is asked, who leads, and what a silence costs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Counted, KeptCounts, textsOf } from '../../../src/gateway/workers/kept-counts.ts';
import { createMessageRelay, type HubWorker } from '../../../src/gateway/workers/message-relay.ts';
import { createPeers, type Peers } from '../../../src/gateway/workers/peers.ts';
import { shareProbes } from '../../../src/gateway/workers/shared-probes.ts';
import { mergeRenderings } from '../../../src/telemetry/index.ts';
import { manualTimers } from '../../support/index.ts';

/** So many workers on one hub; messages arrive in a later turn, as they do between processes. */
function gateway(count: number) {
  const timers = manualTimers();
  const serving: HubWorker[] = [];
  const counts = new KeptCounts(mergeRenderings);
  const hub = createMessageRelay(() => serving, counts);
  const peers = Array.from({ length: count }, (_, i): Peers => {
    const worker: HubWorker = {
      id: i + 1,
      send: (message) => {
        if (serving.includes(worker)) setImmediate(() => own.receive(message));
      },
    };
    serving.push(worker);
    const own = createPeers({
      id: i + 1,
      send(message, sent) {
        setImmediate(() => {
          hub(worker, message);
          sent?.();
        });
      },
      after: timers.after,
      timeoutMs: 1000,
    });
    return own;
  });
  return {
    peers,
    timers,
    kill: (id: number): void => {
      serving.splice(
        serving.findIndex((worker) => worker.id === id),
        1,
      );
      counts.ended(id);
    },
  };
}
const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('peers', () => {
  it('ask every other worker, and hear those that answer', async () => {
    const { peers } = gateway(4);
    peers.forEach((each, i) => {
      if (i !== 2) each.respond('metrics', () => `worker ${i + 1}`);
    });
    assert.deepEqual(await peers[0]?.askOthers('metrics'), ['worker 2', 'worker 4']);
  });

  it('hear nothing in a gateway of one, at once', async () => {
    const { peers } = gateway(1);
    assert.deepEqual(await peers[0]?.askOthers('metrics'), []);
    assert.equal(await peers[0]?.askLeader('sight', 1), undefined);
  });

  it('do not wait for a worker that fails, nor longer than a second for one that is stuck', async () => {
    const { peers, timers } = gateway(3);
    peers[1]?.respond('metrics', () => Promise.reject(new Error('broken')));
    peers[2]?.respond('metrics', () => new Promise(() => undefined));
    const answers = peers[0]?.askOthers('metrics');
    await turns(20);
    timers.advance(1000);
    assert.deepEqual(await answers, []);
  });

  it('take the oldest for the leader, and the next when it ends', async () => {
    const { peers, kill } = gateway(3);
    peers.forEach((each, i) => {
      each.respond('who', () => i + 1);
    });
    assert.equal(await peers[2]?.askLeader('who', undefined), 1);
    kill(1);
    assert.equal(await peers[2]?.askLeader('who', undefined), 2);
    assert.equal(await peers[1]?.askLeader('who', undefined), undefined);
  });

  it('are silent about what all see, until they are told to speak', () => {
    const peers = createPeers({ id: 1, send: () => undefined, after: manualTimers().after, timeoutMs: 1 });
    let told = 0;
    peers.onSpeak(() => told++);
    assert.equal(peers.speaks, false);
    peers.receive({ kind: 'speak' });
    assert.deepEqual([peers.speaks, told], [true, 1]);
  });

  it('tell the others and not themselves', async () => {
    const { peers } = gateway(3);
    const heard: string[] = [];
    peers.forEach((each, i) => {
      each.subscribe('drained', (value, from) => heard.push(`${i + 1} from ${from}: ${String(value)}`));
    });
    peers[1]?.tellOthers('drained', 'b');
    await turns(5);
    assert.deepEqual(heard, ['1 from 2: b', '3 from 2: b']);
  });
});

describe('sums over workers', () => {
  const text = (calls: number): string =>
    `# HELP calls Calls.\n# TYPE calls counter\ncalls{code="OK"} ${calls}\n`;

  /** Workers that have counted so much; each tells what somebody gets to see. */
  function counting(...calls: number[]) {
    const made = gateway(calls.length);
    const values = [...calls];
    const stuck = new Set<number>();
    made.peers.forEach((peers, i) => {
      peers.respond('metrics', async (): Promise<Counted> => {
        if (stuck.has(i)) await new Promise(() => undefined);
        await peers.keep(text(values[i] as number));
        return { worker: peers.id, body: text(values[i] as number) };
      });
    });
    const scrape = async (by: number): Promise<number> => {
      const peers = made.peers[by] as Peers;
      await peers.keep(text(values[by] as number));
      const kept = peers.askKept();
      const others = (async () => (await peers.askOthers('metrics')) as Counted[])();
      await turns(20);
      made.timers.advance(1000);
      const own = { worker: peers.id, body: text(values[by] as number) };
      const merged = mergeRenderings(textsOf(own, await others, await kept));
      return Number(/^calls\{code="OK"\} (\d+)$/m.exec(merged)?.[1]);
    };
    return { ...made, values, stuck, scrape };
  }

  it('never go back when a worker ends, whoever is asked', async () => {
    const { values, scrape, kill } = counting(10, 20, 30);
    assert.equal(await scrape(0), 60);
    // nobody has seen the last five
    values[1] = 25;
    kill(2);
    assert.equal(await scrape(0), 60);
    assert.equal(await scrape(2), 60);
    values[0] = 11;
    assert.equal(await scrape(2), 61);
    kill(1);
    assert.equal(await scrape(2), 61);
  });

  it('never go back when a worker is too busy to answer', async () => {
    const { scrape, stuck } = counting(10, 20);
    assert.equal(await scrape(0), 30);
    stuck.add(1);
    assert.equal(await scrape(0), 30);
    stuck.clear();
    assert.equal(await scrape(0), 30);
  });

  it('have what a worker says at its end', async () => {
    const { peers, values, scrape, kill } = counting(10, 20);
    values[1] = 29;
    await peers[1]?.keep(text(29));
    kill(2);
    assert.equal(await scrape(0), 39);
  });
});

describe('shared sights', () => {
  it('are looked for once in an interval, by the leader, whoever needs them', async () => {
    const { peers, timers } = gateway(3);
    const shares = peers.map((each) => shareProbes(each, timers.clock));
    let looks = 0;
    const look = (): Promise<{ version: bigint }> => Promise.resolve({ version: BigInt(++looks) });
    for (let round = 1; round <= 5; round++) {
      for (const share of shares) {
        const { version } = await share.probe('b m', 5000, look);
        assert.equal(version, BigInt(round));
      }
      timers.advance(5001);
    }
    assert.equal(looks, 5);
  });

  it('are looked for by another when the leader ends, and tell the others what is new', async () => {
    const { peers, timers, kill } = gateway(3);
    const shares = peers.map((each) => shareProbes(each, timers.clock));
    const news: string[] = [];
    shares[2]?.onChange((key) => news.push(key));
    let state = 'LOADING';
    const look = (): Promise<string> => Promise.resolve(state);
    await shares[0]?.probe('b m', 5000, look);
    kill(1);
    assert.equal(await shares[1]?.probe('b m', 5000, look), 'LOADING');
    assert.deepEqual(news, []);
    state = 'AVAILABLE';
    assert.equal(await shares[1]?.probe('b m', 5000, look), 'AVAILABLE');
    await turns(5);
    assert.deepEqual(news, ['b m']);
    assert.equal(await shares[2]?.probe('b m', 5000, () => assert.fail('the leader knows')), 'AVAILABLE');
  });

  it('that fail are not shared', async () => {
    const { peers, timers } = gateway(2);
    const shares = peers.map((each) => shareProbes(each, timers.clock));
    await assert.rejects(
      shares[0]?.probe('b m', 5000, () => Promise.reject(new Error('refused'))) ?? Promise.resolve(),
    );
    assert.equal(await shares[1]?.probe('b m', 5000, () => Promise.resolve('seen')), 'seen');
  });
});
