/** Campaigns at the doors: strange HTTP/1 and HTTP/2 clients of a gateway whose servers are well. */
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startGenerativeServer, startVictim } from '../support/index.ts';
import type { Campaign, Scene } from './campaign.ts';
import type { Chance } from './chance.ts';
import { http1Attack, http2Attack } from './attacks.ts';
import { questionsOf } from './corpus.ts';
import { nodeFlags } from './handles.ts';

/** Times that strike soon: what is held by standing still shall be seen to be let go. */
export const quickTimes = {
  doors: {
    headersTimeoutMs: 1500,
    bodyTimeoutMs: 2000,
    writeTimeoutMs: 2000,
    idleTimeoutMs: 3000,
    keepAliveTimeoutMs: 2000,
  },
  // a stream has no deadline but its client's, and ends by silence
  deadlines: { defaultMs: 2000, maxMs: 3000, streamIdleMs: 2000 },
  proxy: { headersTimeoutMs: 2000, idleTimeoutMs: 2000 },
};

const fuzzedModel = 'fuzzed';
const questions = questionsOf(fuzzedModel);

/** @param run one input against the doors of a gateway */
function atTheDoors(name: string, run: (chance: Chance, address: string) => Promise<number>): Campaign {
  return {
    name,
    width: 96,
    async start(): Promise<Scene> {
      const fleets: DemoFleet[] = await Promise.all([
        startDemoFleet({ replicas: 1, models: ['half_plus_two'] }),
        startDemoFleet({ replicas: 2, models: [`${fuzzedModel}=half_plus_two`, 'echo', 'text'] }),
      ]);
      const generative = await startGenerativeServer();
      const urls = fleets.map(({ backends }) => backends.map(({ url }) => url));
      const gateway = await startVictim(
        [],
        {
          ...quickTimes,
          fleets: {
            default: { backends: urls[1] },
            safe: { backends: urls[0] },
            llm: { backends: [generative.url] },
          },
          models: { half_plus_two: { fleet: 'safe' } },
          cors: { origins: ['https://app.example'] },
        },
        nodeFlags,
      );
      return {
        gateway,
        run: (chance) => run(chance, chance.percent(50) ? gateway.rest : gateway.grpc),
        async calm() {},
        async stop() {
          await gateway.stop();
          await Promise.all([...fleets.map((fleet) => fleet.stop()), generative.close()]);
        },
      };
    },
  };
}

export const http1Campaign = atTheDoors('http1', (chance, address) =>
  http1Attack(chance, address, questions),
);
export const http2Campaign = atTheDoors('http2', (chance, address) =>
  http2Attack(chance, address, questions),
);
