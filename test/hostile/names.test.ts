/** Names that no model can have: whoever asks for them hears so, and nothing changes for others. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodeModelVersionRequest,
} from '../../src/codec/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { overGrpc, Refused } from '../bridge/clients.ts';
import { predictMessage, predictPath, startTestGateway, type TestGateway } from '../support/index.ts';

const v2 = '/inference.GRPCInferenceService';

describe('a name that no model can have', () => {
  let fleet: DemoFleet;
  /** It speaks all APIs to those behind it. */
  let plain: TestGateway;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    plain = await startTestGateway(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await plain.stop();
    await fleet.stop();
  });

  const names = [
    ['empty', ''],
    ['of 100 KB', 'n'.repeat(100_000)],
    ['with control characters', 'a\r\nb\0'],
    ['of dots', '..'],
    ['with slashes and a query', 'a/../b?c#d'],
  ] as const;
  const questions = (name: string): [string, Uint8Array][] => [
    [predictPath, predictMessage(name)],
    [
      '/tensorflow.serving.PredictionService/GetModelMetadata',
      encodeGetModelMetadataRequest({ name, signature: '' }),
    ],
    ['/tensorflow.serving.ModelService/GetModelStatus', encodeGetModelStatusRequest({ name, signature: '' })],
    [`${v2}/ModelReady`, encodeModelVersionRequest(name, '')],
    [`${v2}/ModelMetadata`, encodeModelVersionRequest(name, '')],
  ];

  for (const scheme of ['tfs', 'grpc', 'kserve', 'tfs+http', 'kserve+http'])
    it(`takes no backend down (${scheme}://)`, async () => {
      const address = scheme.endsWith('http') ? plain.rest : plain.grpc;
      const gateway = await startTestGateway([`${scheme}://${address}`]);
      const { unary, close } = overGrpc(gateway.grpc);
      try {
        await unary(predictPath, predictMessage());
        for (const [what, name] of names)
          for (const [path, message] of questions(name)) {
            const error = await unary(path, message).catch((reason: unknown) => reason);
            assert.ok(
              !(error instanceof Refused) || /^(NOT_FOUND|INVALID_ARGUMENT)$/.test(error.code),
              `${what}, ${path}: ${String(error).slice(0, 300)}`,
            );
            // with another model than is known, it would be asked for now
            await unary(predictPath, predictMessage());
          }
        const page = await (await fetch(`http://${gateway.admin}/metrics`)).text();
        assert.match(page, /^tensorgate_backend_up\{[^}]*\} 1$/m);
      } finally {
        close();
        await gateway.stop();
      }
    });
});
