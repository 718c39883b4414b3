/**
 * What a real MLServer and a real Triton say of their models' versions, ids, parameters and extensions, through each
 * door.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import type { Refused } from './clients.ts';
import { startMlserver } from './servers/mlserver.ts';
import type { BridgeModel } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';
import { v2Doors } from './v2-doors.ts';

const model = (version: string): BridgeModel => ({
  name: 'm',
  does: 'identity',
  input: 'x',
  output: 'x',
  inputDtype: 'int32',
  outputDtype: 'int32',
  rank: 1,
  version,
});

/** MLServer's JSON has the parameters of a model without any as an empty object, its protobuf not at all. */
function withoutEmpty({ parameters = {}, ...rest }: Record<string, unknown>): object {
  return Object.keys(parameters as object).length === 0 ? rest : { ...rest, parameters };
}

describe('the words of real servers', { skip: missing('tritonserver', 'mlserver') }, () => {
  for (const [name, start, versions] of [
    ['MLServer', startMlserver, ['v1.2', 'v1.1']],
    ['Triton', startTriton, ['1']],
  ] as const)
    describe(name, () => {
      let server: RealServer;
      before(async () => {
        server = await start(versions.map(model));
      });
      after(() => server.stop());

      for (const [scheme, over] of [
        ['kserve+http', 'http'],
        ['kserve', 'grpc'],
      ] as const)
        for (const [door, doorOf] of Object.entries(v2Doors))
          it(`${door} before ${scheme}://`, async () => {
            const gateway: TestGateway = await startTestGateway([`${scheme}://${server[over]}`]);
            const asked = doorOf(gateway);
            // the server itself, asked in the same API
            const own = doorOf({ rest: server.http, grpc: server.grpc });
            try {
              await waitFor(() => asked.ready('m', ''), 30_000, 'm');
              for (const version of versions) {
                const reply = await asked.infer('m', version);
                assert.equal(reply.model_version, version);
                assert.equal(await asked.ready('m', version), true);
                assert.deepEqual(
                  withoutEmpty(await asked.metadata('m', version)),
                  withoutEmpty(await own.metadata('m', version)),
                );
              }
              const { model_version: newest, id = '' } = await asked.infer('m', '');
              assert.equal(newest, versions[0]);
              // over REST alone, and Triton never
              const makesIds = name === 'MLServer' && over === 'http';
              assert.equal(id !== '', makesIds, String(id));
              // in the server's own words: Triton's REST API has paths for digits only
              const words = name === 'Triton' && over === 'http' ? /Not Found/ : /v9/;
              for (const ask of [asked.infer, asked.metadata])
                await assert.rejects(ask('m', 'v9'), (reason: Refused) => {
                  assert.match(reason.message, words);
                  return true;
                });
              const ready = asked.ready('m', 'v9').catch((reason: Refused) => {
                assert.match(reason.message, words);
                return false;
              });
              assert.equal(await ready, false);
            } finally {
              own.close();
              asked.close();
              await gateway.stop();
            }
          });
    });
});
