/**
 * MultiInference and config reload, held against bytes of tensorflow-serving-api 2.21.0 (its messages, serialized in
 * Python).
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import { decodeMultiInferenceResponse } from '../../src/codec/index.ts';
import { type DemoServerOptions, startDemoServer } from '../../src/demo/index.ts';
import { floatTensor } from '../../src/demo/tensors.ts';
import { type RawClient, rawClient, status } from './client.ts';

/** MultiInferenceRequests on half_plus_two, each with one Example of x = 2. */
const multi = {
  /** classify_x_to_y and regress_x_to_y2 */
  twoTasks:
    '0a3f0a200a0d68616c665f706c75735f74776f1a0f636c6173736966795f785f746f5f79121b74656e736f72666c6f77' +
    '2f73657276696e672f636c6173736966790a3e0a200a0d68616c665f706c75735f74776f1a0f726567726573735f785f' +
    '746f5f7932121a74656e736f72666c6f772f73657276696e672f7265677265737312150a130a110a0f0a0d0a01781208' +
    '12060a0400000040',
  /** the reply to it: score 3, value 4, version 123 */
  reply:
    '0a310a240a0d68616c665f706c75735f74776f1202087b1a0f636c6173736966795f785f746f5f7912090a070a051500' +
    '0040400a2f0a240a0d68616c665f706c75735f74776f1202087b1a0f726567726573735f785f746f5f79321a070a050d' +
    '00008040',
  sameTwice:
    '0a3f0a200a0d68616c665f706c75735f74776f1a0f636c6173736966795f785f746f5f79121b74656e736f72666c6f77' +
    '2f73657276696e672f636c6173736966790a3f0a200a0d68616c665f706c75735f74776f1a0f636c6173736966795f78' +
    '5f746f5f79121b74656e736f72666c6f772f73657276696e672f636c61737369667912150a130a110a0f0a0d0a017812' +
    '0812060a0400000040',
  otherModel:
    '0a3f0a200a0d68616c665f706c75735f74776f1a0f636c6173736966795f785f746f5f79121b74656e736f72666c6f77' +
    '2f73657276696e672f636c6173736966790a320a140a016d1a0f726567726573735f785f746f5f7932121a74656e736f' +
    '72666c6f772f73657276696e672f7265677265737312150a130a110a0f0a0d0a0178120812060a0400000040',
  unknownSignature:
    '0a310a120a0d68616c665f706c75735f74776f1a0173121b74656e736f72666c6f772f73657276696e672f636c617373' +
    '69667912150a130a110a0f0a0d0a0178120812060a0400000040',
  predictMethod:
    '0a3e0a200a0d68616c665f706c75735f74776f1a0f636c6173736966795f785f746f5f79121a74656e736f72666c6f77' +
    '2f73657276696e672f7072656469637412150a130a110a0f0a0d0a0178120812060a0400000040',
  noTasks: '12150a130a110a0f0a0d0a0178120812060a0400000040',
} as const;

/** ReloadConfigRequests; base paths are /models/KIND. */
const reload = {
  /** digits, specific version 1, label live = 1 */
  stableOnly:
    '0a3a0a380a360a06646967697473120e2f6d6f64656c732f646967697473220a74656e736f72666c6f773a06b206030a' +
    '010142080a046c6976651001',
  /** digits by the default policy, and echo as "other" */
  latest:
    '0a4b0a490a240a06646967697473120e2f6d6f64656c732f646967697473220a74656e736f72666c6f770a210a056f74' +
    '686572120c2f6d6f64656c732f6563686f220a74656e736f72666c6f77',
  /** digits, specific version 1, label live = 2 */
  labelOfUnloaded:
    '0a3a0a380a360a06646967697473120e2f6d6f64656c732f646967697473220a74656e736f72666c6f773a06b206030a' +
    '010142080a046c6976651002',
  listedTwice:
    '0a5e0a5c0a2c0a06646967697473120e2f6d6f64656c732f646967697473220a74656e736f72666c6f773a06b206030a' +
    '01010a2c0a06646967697473120e2f6d6f64656c732f646967697473220a74656e736f72666c6f773a06b206030a0101',
  relativePath: '0a280a260a240a066469676974731206646967697473220a74656e736f72666c6f773a06b206030a0101',
  noSuchPath: '0a210a1f0a1d0a016d120c2f6d6f64656c732f6e6f6e65220a74656e736f72666c6f77',
} as const;

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

async function withServer(
  options: DemoServerOptions,
  body: (client: RawClient) => Promise<void>,
): Promise<void> {
  const server = await startDemoServer({ models: ['half_plus_two', 'digits'], ...options });
  const client = rawClient(server.port);
  try {
    await body(client);
  } finally {
    client.close();
    await server.stop();
  }
}

describe('MultiInference', () => {
  it('runs a classify and a regress task over the same example', async () => {
    await withServer({}, async (client) => {
      const { bytes } = await client.call('MultiInference', hex(multi.twoTasks));
      assert.deepEqual(decodeMultiInferenceResponse(bytes), decodeMultiInferenceResponse(hex(multi.reply)));
    });
  });

  it('refuses tasks that do not fit together', async () => {
    await withServer({}, async (client) => {
      const refuses = (request: string, text: string, code: Code = Code.INVALID_ARGUMENT) =>
        assert.rejects(client.call('MultiInference', hex(request)), status(code, text));
      await refuses(multi.noTasks, 'ModelSpec has no name specified.');
      await refuses(multi.sameTwice, 'Duplicate evaluation of signature: classify_x_to_y');
      await refuses(
        multi.otherModel,
        'All ModelSpecs in a MultiInferenceRequest must access the same model name.',
      );
      await refuses(multi.unknownSignature, 'Requested signature not found in model graph: s');
      await refuses(
        multi.predictMethod,
        'Unsupported signature method_name: tensorflow/serving/predict',
        Code.UNIMPLEMENTED,
      );
    });
  });
});

describe('HandleReloadConfigRequest', () => {
  const pixels = floatTensor([1, 64], new Array<number>(64).fill(1));

  it('replaces the list of models, their versions and their labels, waiting for what loads', async () => {
    await withServer({}, async (client) => {
      await client.call('HandleReloadConfigRequest', hex(reload.stableOnly));
      const live = await client.predict({ name: 'digits', label: 'live' }, { pixels });
      assert.equal(live.spec?.version, 1n);
      assert.equal((await client.predict({ name: 'digits' }, { pixels })).spec?.version, 1n);
      await assert.rejects(client.predict({ name: 'digits', label: 'canary' }, { pixels }), {
        details: 'Unrecognized servable version label: canary',
      });
      await assert.rejects(client.predict({ name: 'half_plus_two' }, { x: floatTensor([1], [1]) }), {
        details: 'Servable not found for request: Latest(half_plus_two)',
      });
      await client.call('HandleReloadConfigRequest', hex(reload.latest));
      assert.equal((await client.predict({ name: 'digits' }, { pixels })).spec?.version, 2n);
      await client.predict({ name: 'other' }, { x: floatTensor([1], [1]) });
    });
  });

  it('answers only when new models have loaded', async () => {
    await withServer({ models: ['half_plus_two'], loadingMs: 60 }, async (client) => {
      await client.call('HandleReloadConfigRequest', hex(reload.latest));
      await client.predict({ name: 'digits' }, { pixels });
    });
  });

  it('refuses lists that make no sense', async () => {
    await withServer({}, async (client) => {
      const refuses = (request: string, text: string, code: Code = Code.INVALID_ARGUMENT) =>
        assert.rejects(client.call('HandleReloadConfigRequest', hex(request)), status(code, text));
      await refuses(
        '',
        'ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported',
      );
      await refuses(reload.listedTwice, 'Illegal to list model digits multiple times in config list');
      await refuses(
        reload.relativePath,
        'Expected model digits to have an absolute path or URI; got base_path()=digits',
      );
      await refuses(
        reload.noSuchPath,
        '1 model(s) did not become available: {{{name: m version: 1} due to error: ' +
          'NOT_FOUND: Could not find base path /models/none for servable m}, }',
        Code.UNKNOWN,
      );
      await client.call('HandleReloadConfigRequest', hex(reload.stableOnly));
      await refuses(
        reload.labelOfUnloaded,
        'Request to assign label to version 2 of model digits, which is not currently available for inference',
        Code.FAILED_PRECONDITION,
      );
    });
  });
});
