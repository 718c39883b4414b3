/**
 * MLServer's codecs, unchanged, at both ends: tensors and frames with content types get through every pair of door
 * and transport.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing, python, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startMlserver } from './servers/mlserver.ts';
import type { RealServer } from './servers/triton.ts';

const script = fileURLToPath(new URL('python/mlserver_codecs.py', import.meta.url));
type Told = Readonly<Record<string, { readonly values: unknown }>>;

/** Of each address. */
async function told(transport: 'http' | 'grpc', addresses: readonly string[]): Promise<Told[]> {
  const { code, stdout, stderr } = await python('mlserver', script, [transport, ...addresses]);
  assert.equal(code, 0, stderr.slice(-3000));
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
}

describe('MLServer’s codecs', { skip: missing('mlserver') }, () => {
  let server: RealServer;
  before(async () => {
    const model = (name: string, of: string) => ({
      name,
      implementation: `mlserver_codecs.${of}`,
      parameters: { version: '1' },
    });
    server = await startMlserver([], [model('tensors', 'Tensors'), model('frame', 'Frame')]);
    for (const name of ['tensors', 'frame'])
      await waitFor(async () => (await fetch(`http://${server.http}/v2/models/${name}/ready`)).ok, 60_000);
  });
  after(() => server.stop());

  for (const transport of ['http', 'grpc'] as const)
    it(`over ${transport}`, async () => {
      const urls = [`kserve+http://${server.http}`, `kserve://${server.grpc}`];
      const gateways: TestGateway[] = [];
      try {
        for (const url of urls) gateways.push(await startTestGateway([url]));
        for (const { rest } of gateways)
          await waitFor(async () => (await fetch(`http://${rest}/v2/models/frame/ready`)).ok, 60_000);
        const doors = gateways.map(({ rest, grpc }) => (transport === 'http' ? rest : grpc));
        const [own, ...through] = await told(transport, [server[transport], ...doors]);
        assert.deepEqual(own?.['np int']?.values, [[2 ** 61], [-6]]);
        assert.deepEqual(own.str?.values, ['ONE', 'ТРИ', '']);
        assert.deepEqual(own.pd?.values, {
          number: [1.5, 2.5],
          text: ['a', 'é'],
          count: [1, 2],
          twice: [3, 5],
        });
        assert.equal(through.length, urls.length);
        through.forEach((each, i) => assert.deepEqual(each, own, urls[i]));
      } finally {
        for (const gateway of gateways) await gateway.stop();
      }
    });
});
