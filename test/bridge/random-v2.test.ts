/**
 * Random V2 requests, asked through the gateway by each door before each transport of a real Triton and a real
 * MLServer: each answer equals, member by member, what the server itself answers to the same request in the door's
 * protocol. TENSORGATE_FUZZ_SEED and TENSORGATE_RANDOM_V2 give another seed and number of requests.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Chance, seedOf } from '../fuzz/chance.ts';
import { missing, startTestGateway, waitFor } from '../support/index.ts';
import { type Asking, grpcCarrier, overRest } from './random/carriers.ts';
import { differing } from './random/compare.ts';
import { comparable } from './random/differences.ts';
import { type RandomModel, randomModels, randomRequest } from './random/requests.ts';
import { randomServers } from './random/servers.ts';
import type { RealServer } from './servers/triton.ts';

const seed = Number(process.env.TENSORGATE_FUZZ_SEED ?? 17);
const count = Number(process.env.TENSORGATE_RANDOM_V2 ?? 200);
/** Requests that are asked at a time. */
const together = 4;
/** Differences that a failure tells. */
const shown = 20;

async function ready(server: RealServer, models: readonly RandomModel[]): Promise<void> {
  for (const { name } of models)
    await waitFor(
      async () => (await fetch(`http://${server.http}/v2/models/${name}/ready`)).ok,
      60_000,
      name,
    );
}

for (const { name, able, start, tool } of randomServers)
  describe(`${count} random V2 requests before ${name}`, { skip: missing(tool) }, () => {
    it(`have the server’s own answers (seed ${seed})`, async () => {
      const models = randomModels(new Chance(seedOf(seed, `${name} models`, 0)), 4, able);
      const server = await start(models);
      const grpc = grpcCarrier();
      const gateways = await Promise.all(
        (['http', 'grpc'] as const).map(async (transport) => {
          const scheme = transport === 'http' ? 'kserve+http' : 'kserve';
          return [transport, await startTestGateway([`${scheme}://${server[transport]}`])] as const;
        }),
      );
      const doors: readonly (readonly ['rest' | 'grpc', 'http' | 'grpc', Asking])[] = [
        ['rest', 'http', overRest],
        ['grpc', 'grpc', grpc.ask],
      ];
      try {
        await ready(server, models);
        for (const [, { rest }] of gateways) await ready({ ...server, http: rest }, models);
        const faults: string[] = [];
        let taken = 0;
        const one = async (index: number): Promise<void> => {
          const request = randomRequest(new Chance(seedOf(seed, name, index)), models, able);
          for (const [door, direct, ask] of doors) {
            const own = await ask(server[direct], request);
            if (own.status === 200) taken++;
            for (const [transport, gateway] of gateways) {
              const got = await ask(gateway[door], request);
              const way = { request, server: name, door, transport };
              const wanted = comparable(own, way, own);
              const lines = differing(wanted, comparable(got, way, own));
              if (lines.length > 0) {
                const told = [...lines, own.error ?? '', got.error ?? ''].filter((line) => line !== '');
                faults.push(`${door} door, ${transport} server, request ${index}\n  ${told.join('\n  ')}`);
              }
            }
          }
        };
        for (let at = 0; at < count; at += together)
          await Promise.all(Array.from({ length: Math.min(together, count - at) }, (_, i) => one(at + i)));
        assert.equal(
          faults.length,
          0,
          `${faults.length} differ (${taken} were answered); the first:\n${faults.slice(0, shown).join('\n')}`,
        );
        // what the server refuses shows little
        assert.ok(taken > 1.8 * count, `the server took ${taken} of ${2 * count}`);
      } finally {
        grpc.close();
        for (const [, gateway] of gateways) await gateway.stop();
        await server.stop();
      }
    });
  });
