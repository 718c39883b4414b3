/**
 * Parameters of what a V2 server answers, of its inference and of its metadata: kept by either door, before either
 * transport.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startTestGateway, waitFor } from '../support/index.ts';
import { startV2, type V2StandIn, v2Says } from './servers/v2.ts';
import { v2Doors } from './v2-doors.ts';

describe('parameters of answers', () => {
  let server: V2StandIn;
  before(async () => {
    server = await startV2({ models: { m: { listed: ['1'], served: ['1'] } } });
  });
  after(() => {
    server.stop();
  });

  for (const [scheme, over] of [
    ['kserve+http', 'http'],
    ['kserve', 'grpc'],
  ] as const)
    for (const [name, doorOf] of Object.entries(v2Doors))
      it(`${name} before ${scheme}://`, async () => {
        const gateway = await startTestGateway([`${scheme}://${server[over]}`]);
        const door = doorOf(gateway);
        try {
          await waitFor(() => door.ready('m', ''));
          const { parameters, outputs } = await door.infer('m', '');
          assert.deepEqual(parameters, v2Says.parameters);
          const [output] = outputs as { parameters: object }[];
          assert.deepEqual(output?.parameters, v2Says.output);
          const metadata = await door.metadata('m', '');
          assert.deepEqual(metadata, {
            name: 'm',
            versions: ['1'],
            platform: 'any',
            inputs: [v2Says.tensorMetadata],
            outputs: [{ ...v2Says.tensorMetadata, name: 'y' }],
            parameters: v2Says.parameters,
          });
        } finally {
          door.close();
          await gateway.stop();
        }
      });
});
