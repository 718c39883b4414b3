/** The client page before a real MLServer, through both of its transports. */
import { after, before, describe, it } from 'node:test';
import { startMlserver } from '../bridge/servers/mlserver.ts';
import { pageModels } from '../bridge/servers/models.ts';
import type { RealServer } from '../bridge/servers/triton.ts';
import { answersAsRecorded, passesOn } from '../recorded/compare.ts';
import { v2Questions } from '../recorded/questions.ts';
import { missing, startTestGateway } from '../support/index.ts';
import { clientRows } from './rows.ts';

describe('before a real MLServer', { skip: missing('mlserver') }, () => {
  let server: RealServer;
  before(async () => {
    server = await startMlserver(pageModels);
  });
  after(async () => {
    await server.stop();
  });

  const takesAnyInput = 'its models look at their inputs themselves';
  clientRows({
    title: 'a real MLServer, grpc://',
    backends: () => [`grpc://${server.grpc}`],
    imageValues: 1,
    takesAnyInput,
  });
  clientRows({
    title: 'a real MLServer, kserve+http://',
    backends: () => [`kserve+http://${server.http}`],
    imageValues: 1,
    takesAnyInput,
    noNaN: 'its JSON has no such numbers',
    noBytes: 'it has JSON alone, whose strings are UTF-8',
  });

  answersAsRecorded('mlserver', v2Questions, (over) => server[over]);

  it('its gRPC errors arrive as they are', async () => {
    const gateway = await startTestGateway([`grpc://${server.grpc}`], {
      models: Object.fromEntries(pageModels.map(({ name }) => [name, {}])),
    });
    try {
      await passesOn('mlserver', v2Questions, gateway, {
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
