/**
 * KServe's own two clients, unchanged, before servers of each API: each question is answered as KServe's own server
 * would.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type RealServer, startTriton } from '../bridge/servers/triton.ts';
import { bridgeModels } from '../bridge/servers/models.ts';
import { startKserve } from '../bridge/servers/kserve.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { missing, python, startTestGateway, waitFor } from '../support/index.ts';

const script = fileURLToPath(new URL('python/kserve_clients.py', import.meta.url));

async function asked(rest: string, grpc: string): Promise<unknown> {
  const { code, stdout, stderr } = await python('kserve', script, [`http://${rest}`, grpc, 'my_model']);
  assert.equal(code, 0, stderr.slice(-2000));
  return JSON.parse(stdout);
}

const infer = [2, 5, -6];
const noModel = { raised: 'HTTPStatusError', status: 404 };
const noModelInGrpc = { raised: 'AioRpcError', status: null };

/** No model here has an explanation. @param nobody whether a model that is not there is ready, over gRPC */
const told = (nobody: unknown) => ({
  v1: {
    live: true,
    // its client has no such question in V1, and none of the next kind in V2
    ready: { raised: 'UnsupportedProtocol', status: null },
    model: true,
    nobody: noModel,
    explain: { raised: 'HTTPStatusError', status: 501 },
  },
  v2: {
    live: true,
    ready: true,
    model: true,
    nobody: false,
    explain: { raised: 'UnsupportedProtocol', status: null },
    infer,
    binary: ['one', infer],
    'infer nobody': noModel,
  },
  grpc: { live: true, ready: true, model: true, nobody, infer, 'infer nobody': noModelInGrpc },
});

describe("KServe's clients", { skip: missing('kserve', 'tritonserver') }, () => {
  let triton: RealServer;
  let kserve: RealServer;
  let embedded: DemoServer;
  before(async () => {
    [triton, kserve, embedded] = await Promise.all([
      startTriton(bridgeModels.filter(({ name }) => name === 'my_model')),
      startKserve(),
      startDemoServer({ models: ['my_model:numeric'] }),
    ]);
    await waitFor(async () => (await fetch(`http://${kserve.http}/v2/models/my_model/ready`)).ok, 60_000);
  });
  after(async () => {
    await Promise.all([triton.stop(), kserve.stop(), embedded.stop()]);
  });

  it('say so of KServe’s own server', async () => {
    assert.deepEqual(await asked(kserve.http, kserve.grpc), told(noModelInGrpc));
  });

  const backends = {
    'KServe, kserve+http://': () => `kserve+http://${kserve.http}`,
    'KServe, kserve://': () => `kserve://${kserve.grpc}`,
    'Triton, grpc://': () => `grpc://${triton.grpc}`,
    'the embedded TensorFlow Serving, tfs://': () => `tfs://127.0.0.1:${embedded.port}`,
  };
  for (const [name, url] of Object.entries(backends))
    it(`are told the same before ${name}`, async () => {
      const gateway = await startTestGateway([url()]);
      try {
        // over gRPC the server's own word; Triton's is that what is not there is not ready
        const nobody = name === 'KServe, kserve://' ? noModelInGrpc : false;
        assert.deepEqual(await asked(gateway.rest, gateway.grpc), told(nobody));
      } finally {
        await gateway.stop();
      }
    });
});
