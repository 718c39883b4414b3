/** The extensions that GET /v2 and ServerMetadata list: those that hold whichever server of the fleet answers. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDemoServer } from '../../src/demo/index.ts';
import { missing, startTestGateway, waitFor } from '../support/index.ts';
import { startMlserver } from './servers/mlserver.ts';
import { startTriton } from './servers/triton.ts';
import { startV2 } from './servers/v2.ts';
import { v2Doors } from './v2-doors.ts';

const models = { m: { listed: ['1'], served: ['1'] } };
/** As Triton lists them. */
const all = [
  'classification',
  'sequence',
  'model_repository',
  'schedule_policy',
  'model_configuration',
  'system_shared_memory',
  'binary_tensor_data',
  'parameters',
  'statistics',
  'trace',
];
const carried = [
  'binary_tensor_data',
  'classification',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'statistics',
];

/** What each door says of a gateway before these backends. */
async function listedBy(
  backends: readonly string[],
  config: Record<string, unknown> = {},
): Promise<string[][]> {
  const gateway = await startTestGateway(backends, config);
  try {
    const said: string[][] = [];
    for (const doorOf of Object.values(v2Doors)) {
      const door = doorOf(gateway);
      try {
        await waitFor(async () => (await fetch(`http://${gateway.rest}/v2/health/ready`)).ok);
        const { name, version, extensions } = await door.server();
        assert.equal(name, 'tensorgate');
        assert.equal(typeof version, 'string');
        said.push((extensions as string[]).toSorted());
      } finally {
        door.close();
      }
    }
    return said;
  } finally {
    await gateway.stop();
  }
}

describe('extensions', () => {
  it('are those that the gateway carries and every server has, over either transport', async () => {
    const first = await startV2({ models, extensions: all });
    const second = await startV2({ models, extensions: ['sequence', 'classification', 'someones_own'] });
    try {
      for (const url of [`kserve+http://${first.http}`, `kserve://${first.grpc}`, `grpc://${first.grpc}`])
        assert.deepEqual(await listedBy([url]), [carried, carried], url);
      const permitted = await listedBy([`kserve://${first.grpc}`], { grpc: { allowAdmin: true } });
      const withChanges = [...carried, 'model_repository', 'trace'].sort();
      assert.deepEqual(permitted, [withChanges, withChanges]);
      // the gateway makes and reads binary tensors itself
      const both = ['binary_tensor_data', 'classification', 'sequence'];
      const urls = [`kserve+http://${first.http}`, `kserve://${second.grpc}`];
      assert.deepEqual(await listedBy(urls), [both, both]);
    } finally {
      first.stop();
      second.stop();
    }
  });

  it('are its own alone where one server speaks TensorFlow Serving’s API', async () => {
    const server = await startV2({ models, extensions: all });
    const demo = await startDemoServer({ models: ['m=half_plus_two'], name: 'one' });
    try {
      const own = [['binary_tensor_data'], ['binary_tensor_data']];
      for (const scheme of ['tfs', 'grpc'])
        assert.deepEqual(
          await listedBy([`kserve://${server.grpc}`, `${scheme}://127.0.0.1:${demo.port}`]),
          own,
        );
    } finally {
      server.stop();
      await demo.stop();
    }
  });

  it('are its own alone where a server is silent about its own, and no client waits long for it', async () => {
    const server = await startV2({ models, extensions: all });
    const silent = await startV2({ models, extensions: all, silent: true });
    const gateway = await startTestGateway([`kserve+http://${server.http}`, `kserve+http://${silent.http}`]);
    try {
      await waitFor(async () => (await fetch(`http://${gateway.rest}/v2/models/m/ready`)).ok);
      const response = await fetch(`http://${gateway.rest}/v2`, { signal: AbortSignal.timeout(8000) });
      const { extensions } = (await response.json()) as { extensions: string[] };
      assert.deepEqual(extensions, ['binary_tensor_data']);
    } finally {
      await gateway.stop();
      silent.stop();
      server.stop();
    }
  });

  it('are asked once', async () => {
    const server = await startV2({ models, extensions: all });
    const gateway = await startTestGateway([`kserve+http://${server.http}`]);
    try {
      const ask = async (): Promise<unknown> => (await fetch(`http://${gateway.rest}/v2`)).json();
      await waitFor(async () => (await fetch(`http://${gateway.rest}/v2/models/m/ready`)).ok);
      await Promise.all([ask(), ask()]);
      await ask();
      assert.equal(server.asked.filter((each) => each === 'server').length, 1);
    } finally {
      await gateway.stop();
      server.stop();
    }
  });
});

describe('extensions of real servers', { skip: missing('tritonserver', 'mlserver') }, () => {
  it('are Triton’s as far as they are carried, and none before MLServer, which lists none', async () => {
    const one = [
      {
        name: 'm',
        does: 'identity',
        input: 'x',
        output: 'x',
        inputDtype: 'int32',
        outputDtype: 'int32',
        rank: 1,
      },
    ] as const;
    const triton = await startTriton(one);
    const mlserver = await startMlserver(one);
    try {
      for (const url of [`kserve+http://${triton.http}`, `grpc://${triton.grpc}`])
        assert.deepEqual(await listedBy([url]), [carried, carried], url);
      const own = ['binary_tensor_data'];
      for (const url of [`kserve+http://${mlserver.http}`, `kserve://${mlserver.grpc}`])
        assert.deepEqual(await listedBy([url, `kserve://${triton.grpc}`]), [own, own], url);
    } finally {
      await mlserver.stop();
      await triton.stop();
    }
  });
});
