/** A real Triton as the second fleet: its model has the name of the first fleet's, and both are asked by every door. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { encodeModelInferRequest, joined, chunksOf, type Tensor } from '../../src/codec/index.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { clientOf } from './clients.ts';
import { doors } from './matrix.ts';
import { bridgeModels } from './servers/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

const model = 'my_model';
/** One dimension: Triton's model has no more. */
const input: Tensor = {
  dtype: 'double',
  shape: [2],
  bytes: new Uint8Array(Float64Array.of(1.5, -4).buffer),
};

/** What becomes of a ModelStreamInfer of one message. */
function streamed(address: string): Promise<string> {
  const client = new Client(address, credentials.createInsecure());
  const same = (bytes: Buffer): Buffer => bytes;
  const request = {
    model,
    version: '',
    id: '',
    parameters: new Map(),
    inputs: new Map([['input_name', chunksOf(input)]]),
    inputParameters: new Map(),
    outputs: [],
  };
  const stream = client.makeBidiStreamRequest(
    '/inference.GRPCInferenceService/ModelStreamInfer',
    same,
    same,
    new Metadata(),
  );
  return new Promise<string>((resolve) => {
    stream.on('data', () => {
      resolve('answered');
    });
    stream.on('error', ({ message }: Error) => {
      resolve(message);
    });
    stream.write(Buffer.from(joined(encodeModelInferRequest(request))));
    stream.end();
  }).finally(() => {
    client.close();
  });
}

describe(
  'the same model in a fleet of TensorFlow Serving’s API and in one of Triton',
  { skip: missing('tritonserver') },
  () => {
    let triton: RealServer;
    let embedded: DemoServer;
    let gateway: TestGateway;
    let share = 0;
    before(async () => {
      [triton, embedded] = await Promise.all([
        startTriton(bridgeModels.filter(({ name }) => name === model)),
        startDemoServer({ models: ['my_model:numeric'] }),
      ]);
      gateway = await startTestGateway(
        [],
        {
          // both are asked what they speak
          fleets: {
            default: { backends: [`grpc://127.0.0.1:${embedded.port}`] },
            triton: { backends: [`grpc://${triton.grpc}`] },
          },
          models: {
            [model]: { split: [{ weight: 50 }, { fleet: 'triton', weight: 50 }] },
            embedded: { model },
            triton: { model, fleet: 'triton' },
          },
          hedge: { enabled: false },
        },
        {},
        undefined,
        () => share,
      );
    });
    after(async () => {
      await gateway.stop();
      await Promise.all([triton.stop(), embedded.stop()]);
    });

    const predictsHere = (): number => embedded.record.counts().get(`Predict ${model}`) ?? 0;
    const metrics = async (): Promise<string> => (await fetch(`http://${gateway.admin}/metrics`)).text();
    async function atTriton(): Promise<number> {
      const lines = (await metrics())
        .split('\n')
        .filter((line) =>
          /^tensorgate_requests_success\{.*method="(Predict|ModelInfer)".*fleet="triton"/.test(line),
        );
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    }

    for (const { name: door } of doors) {
      it(`answers ${door} from the fleet that is meant`, async () => {
        const client = clientOf(door, gateway);
        const ask = async (name: string): Promise<void> => {
          const output = await client.infer(name, 'input_name', input, 'output_name');
          assert.ok('bytes' in output);
          assert.deepEqual([...new Float64Array(Uint8Array.from(output.bytes).buffer)], [3, -8]);
        };
        try {
          for (const name of ['embedded', 'triton', model]) {
            assert.equal(await client.status(name), true, name);
            assert.deepEqual((await client.metadata(name)).inputs, ['input_name'], name);
          }
          const [here, there] = [predictsHere(), await atTriton()];
          await ask('embedded');
          assert.deepEqual([predictsHere() - here, (await atTriton()) - there], [1, 0]);
          await ask('triton');
          assert.deepEqual([predictsHere() - here, (await atTriton()) - there], [1, 1]);
          share = 0.25;
          await ask(model);
          assert.deepEqual([predictsHere() - here, (await atTriton()) - there], [2, 1]);
          share = 0.75;
          await ask(model);
          assert.deepEqual([predictsHere() - here, (await atTriton()) - there], [2, 2]);
        } finally {
          client.close();
        }
      });
    }

    it('sends a stream to the part that chance decides for, since both call the model the same', async () => {
      share = 0.75;
      const before = predictsHere();
      assert.equal(await streamed(gateway.grpc), 'answered');
      assert.equal(predictsHere(), before);
      share = 0.25;
      // the embedded server has no streams, and is asked for each message
      assert.equal(await streamed(gateway.grpc), 'answered');
      assert.equal(predictsHere(), before + 1);
    });

    it('goes on with one when the other is gone', async () => {
      await triton.stop();
      const client = clientOf('tfs-rest', gateway);
      await waitFor(async () => /backend_available\{.*fleet="triton".* 0$/m.test(await metrics()));
      share = 0.25;
      await client.infer(model, 'input_name', input, 'output_name');
      share = 0.75;
      await assert.rejects(
        client.infer(model, 'input_name', input, 'output_name'),
        /no backend of fleet triton/,
      );
      assert.match(await metrics(), /^tensorgate_backend_available\{[^}]*name="my_model",version="1"\} 1$/m);
    });
  },
);
