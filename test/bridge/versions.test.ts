/**
 * Versions of V2 models are texts: what a server calls them comes through each door, and reaches the server that has
 * them.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDemoServer } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import type { Refused } from './clients.ts';
import { startV2, type V2StandIn, v2Says } from './servers/v2.ts';
import { v2Doors } from './v2-doors.ts';

const schemes = { 'a REST server': ['kserve+http', 'http'], 'a gRPC server': ['kserve', 'grpc'] } as const;

/** The value of the only output, wherever it stands. */
function valueOf({ outputs, raw_output_contents: raw }: Record<string, unknown>): number | undefined {
  if (Array.isArray(raw) && raw.length > 0) return (raw[0] as Buffer).readInt32LE();
  return (outputs as { data?: number[] }[])[0]?.data?.[0];
}

describe('versions that are texts', () => {
  let server: V2StandIn;
  before(async () => {
    server = await startV2({
      models: {
        listed: { listed: ['v1.2', 'v1.10'], served: ['v1.2', 'v1.10', '007', 'a/b c'] },
        // as MLServer has it, whose metadata lists what its settings say and not what it has
        unlisted: { listed: [], served: ['v1.2', 'v1.1', '1'] },
      },
    });
  });
  after(() => {
    server.stop();
  });

  for (const [place, [scheme, over]] of Object.entries(schemes))
    for (const [name, doorOf] of Object.entries(v2Doors))
      describe(`${name} before ${place}`, () => {
        let gateway: TestGateway;
        let door: ReturnType<typeof doorOf>;
        before(async () => {
          gateway = await startTestGateway([`${scheme}://${server[over]}`]);
          door = doorOf(gateway);
          for (const model of ['listed', 'unlisted']) await waitFor(() => door.ready(model, ''));
        });
        after(async () => {
          door.close();
          await gateway.stop();
        });

        it('says the version that the server says, and its id', async () => {
          for (const model of ['listed', 'unlisted']) {
            const reply = await door.infer(model, '');
            assert.equal(reply.model_version, 'v1.2', model);
            assert.equal(reply.id, v2Says.id, model);
          }
        });

        it('asks for each in the words of its client', async () => {
          for (const [model, version, value] of [
            ['listed', 'v1.2', 0],
            ['listed', 'v1.10', 1],
            ['listed', '007', 2],
            ['listed', 'a/b c', 3],
            ['unlisted', 'v1.1', 1],
            // a number is one text among others: this one is not the default
            ['unlisted', '1', 2],
          ] as const) {
            const reply = await door.infer(model, version);
            assert.equal(reply.model_version, version);
            assert.equal(valueOf(reply), value, version);
            assert.equal(await door.ready(model, version), true, version);
            assert.equal((await door.metadata(model, version)).name, model, version);
          }
        });

        it('lists those that the server lists', async () => {
          assert.deepEqual((await door.metadata('listed', '')).versions, ['v1.2', 'v1.10']);
          assert.deepEqual((await door.metadata('unlisted', '')).versions ?? [], []);
        });

        it('has the server say which there is not', async () => {
          for (const model of ['listed', 'unlisted'])
            for (const ask of [door.infer, door.metadata])
              await assert.rejects(ask(model, 'v9'), (reason: Refused) => {
                assert.match(reason.code, /^(NOT_FOUND|HTTP 404)$/);
                assert.match(reason.message, new RegExp(`${model} with version v9 not found`));
                return true;
              });
          assert.equal(await door.ready('listed', 'v9'), false);
        });
      });

  for (const [place, [scheme, over]] of Object.entries(schemes))
    for (const [name, doorOf] of Object.entries(v2Doors))
      for (const listed of [true, false])
        it(`${name} before several of ${place} that ${listed ? 'list' : 'do not list'} them: each reaches the one that has it`, async () => {
          const served = ['v1.1', 'v1.2', '3', '1'];
          const servers = await Promise.all(
            served.map((each) =>
              startV2({ models: { m: { listed: listed ? [each] : [], served: [each] } } }),
            ),
          );
          const gateway = await startTestGateway(servers.map((each) => `${scheme}://${each[over]}`));
          const door = doorOf(gateway);
          try {
            await waitFor(() => door.ready('m', ''));
            for (let round = 0; round < 5; round++)
              for (const version of served) {
                assert.equal((await door.infer('m', version)).model_version, version);
                assert.equal(await door.ready('m', version), true, version);
              }
            const misses = servers.flatMap(({ asked }, i) =>
              asked.filter((each) => each.startsWith('infer') && each !== `infer ${served[i] ?? ''}`),
            );
            // who lists them is asked for nothing else; but 1 is what TensorFlow Serving's clients call what has no
            // number
            if (listed)
              assert.deepEqual(
                misses.filter((each) => each !== 'infer 1'),
                [],
              );
          } finally {
            door.close();
            await gateway.stop();
            for (const each of servers) each.stop();
          }
        });

  it('one that a server lists and does not have leaves the others available', async (t) => {
    const partly = await startV2({ models: { m: { listed: ['1', '2'], served: ['1'] } } });
    t.after(() => {
      partly.stop();
    });
    for (const [scheme, over] of Object.values(schemes)) {
      const gateway = await startTestGateway([`${scheme}://${partly[over]}`]);
      try {
        const url = `http://${gateway.rest}/v1/models/m`;
        await waitFor(async () => (await fetch(url)).ok);
        const { model_version_status: states } = (await (await fetch(url)).json()) as {
          model_version_status: { version: string; state: string }[];
        };
        const byVersion = new Map(states.map(({ version, state }) => [version, state]));
        assert.deepEqual([byVersion.get('1'), byVersion.get('2')], ['AVAILABLE', 'END'], scheme);
      } finally {
        await gateway.stop();
      }
    }
  });

  it('TensorFlow Serving’s clients see the number 1, and reach the others by a label', async () => {
    for (const [scheme, over] of Object.values(schemes)) {
      const gateway = await startTestGateway([`${scheme}://${server[over]}`]);
      try {
        const url = `http://${gateway.rest}/v1/models/unlisted`;
        await waitFor(async () => (await fetch(url)).ok);
        const states = (await (await fetch(url)).json()) as { model_version_status: { version: string }[] };
        assert.deepEqual(
          states.model_version_status.map(({ version }) => version),
          ['1'],
        );
        const body = JSON.stringify({ inputs: { x: [1] } });
        for (const [path, value] of [
          [':predict', 0],
          ['/versions/1:predict', 0],
          ['/labels/v1.1:predict', 1],
        ] as const) {
          const response = await fetch(`${url}${path}`, { method: 'POST', body });
          const text = await response.text();
          assert.equal(response.status, 200, text);
          assert.deepEqual((JSON.parse(text) as { outputs: number[] }).outputs, [value], path);
        }
      } finally {
        await gateway.stop();
      }
    }
  });

  it('before TensorFlow Serving, one that is no number is an error that names it', async () => {
    const demo = await startDemoServer({ models: ['m=half_plus_two'], name: 'one' });
    const tfs = await startTestGateway([`tfs://127.0.0.1:${demo.port}`]);
    const overRest = await startTestGateway([`tfs+http://${tfs.rest}`]);
    try {
      for (const gateway of [tfs, overRest])
        for (const [name, doorOf] of Object.entries(v2Doors)) {
          const door = doorOf(gateway);
          try {
            await waitFor(() => door.ready('m', ''));
            for (const ask of [door.infer, door.metadata, door.ready])
              await assert.rejects(
                async () => ask('m', 'v1.2'),
                (reason: Refused) => {
                  assert.match(reason.message, /v1\.2/, `${name}: ${reason.message}`);
                  assert.match(reason.code, /^(INVALID_ARGUMENT|HTTP 400)$/, reason.message);
                  return true;
                },
              );
          } finally {
            door.close();
          }
        }
    } finally {
      await overRest.stop();
      await tfs.stop();
      await demo.stop();
    }
  });
});
