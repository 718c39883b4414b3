/** The client page before a real Triton, through both of its transports. */
import { after, before, describe, it } from 'node:test';
import { pageModels } from '../bridge/servers/models.ts';
import { type RealServer, startTriton } from '../bridge/servers/triton.ts';
import { answersAsRecorded, passesOn } from '../recorded/compare.ts';
import { v2Questions } from '../recorded/questions.ts';
import { missing, startTestGateway } from '../support/index.ts';
import { clientRows } from './rows.ts';

describe('before a real Triton', { skip: missing('tritonserver') }, () => {
  let server: RealServer;
  before(async () => {
    server = await startTriton(pageModels);
  });
  after(async () => {
    await server.stop();
  });

  for (const [scheme, over] of [
    ['grpc', 'grpc'],
    ['kserve+http', 'http'],
  ] as const)
    clientRows({
      title: `a real Triton, ${scheme}://`,
      backends: () => [`${scheme}://${server[over]}`],
      imageValues: 1,
      noMatrixOfStrings: 'its models take so many dimensions as their configuration says',
    });

  answersAsRecorded('triton', v2Questions, (over) => server[over]);

  it('its gRPC errors arrive as they are', async () => {
    const gateway = await startTestGateway([`grpc://${server.grpc}`], {
      models: Object.fromEntries(pageModels.map(({ name }) => [name, {}])),
    });
    try {
      await passesOn('triton', v2Questions, gateway, {
        // the gateway needs a name to know whom to ask
        'GetModelStatus: an empty name, of the other API': { code: 3, message: /has no name specified/ },
        'ModelReady: an empty name': { code: 3, message: /names no model/ },
        'ModelInfer: an empty name': { code: 3, message: /names no model/ },
      });
    } finally {
      await gateway.stop();
    }
  });
});
