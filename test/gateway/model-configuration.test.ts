/** The configuration of a model at several backends: the one that most have, and the difference told. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { encodeModelVersionRequest, modelConfigJson } from '../../src/codec/index.ts';
import { startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startWideServer, wideClient, type WideServer } from './wide-servers.ts';

const small = '{"name":"m", "backend":"python","max_batch_size":4}';
/** The same in another order, and with defaults. */
const alike = '{"max_batch_size":4,"backend":"python","name":"m","platform":"","input":[]}';
const large = '{"name":"m","backend":"python","max_batch_size":8}';

describe('the configuration of a model at several backends', () => {
  let servers: WideServer[];
  let gateway: TestGateway | undefined;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tensorgate-config-'));
    servers = await Promise.all([startWideServer('rest'), startWideServer('grpc'), startWideServer('rest')]);
  });
  afterEach(async () => {
    await gateway?.stop();
  });
  after(() => {
    for (const server of servers) server.stop();
    rmSync(folder, { recursive: true });
  });
  async function serve(configs: readonly string[], logTo?: string): Promise<TestGateway> {
    servers.forEach((server, i) => {
      server.configs.m = configs[i] ?? '';
    });
    const more = logTo === undefined ? {} : { telemetry: { logLevel: 'warn' } };
    gateway = await startTestGateway(
      servers.slice(0, configs.length).map(({ url }) => url),
      more,
      {},
      logTo,
    );
    return gateway;
  }
  const get = async (
    path: string,
  ): Promise<{ text: string; differs: string | null; from: string | null }> => {
    const { headers, ...answer } = await fetch(`http://${gateway?.rest}/v2/models/${path}`).then(
      async (response) => ({ headers: response.headers, text: await response.text() }),
    );
    return { ...answer, differs: headers.get('x-config-differs'), from: headers.get('x-served-by') };
  };

  it('is one where they mean the same, as the first of them wrote it', async () => {
    await serve([small, alike]);
    assert.deepEqual(await get('m/config'), {
      text: small,
      differs: null,
      from: `${servers[0]?.name}, ${servers[1]?.name}`,
    });
  });

  it('is what most have, and clients and the log are told of the others', async () => {
    const log = join(folder, 'log');
    const { grpc } = await serve([large, alike, small], log);
    const first = servers[0]?.name ?? '';
    const { text, differs, from } = await get('m/config');
    assert.equal((JSON.parse(text) as { max_batch_size: number }).max_batch_size, 4);
    assert.equal(differs, `${first}: max_batch_size`);
    assert.equal(from, `${servers[1]?.name}, ${servers[2]?.name}`);
    const client = wideClient(grpc);
    const { message, fields } = await client.ask('ModelConfig', encodeModelVersionRequest('m', ''));
    client.close();
    assert.match(modelConfigJson(message), /"max_batch_size":4,/);
    assert.equal(fields['x-config-differs'], `${first}: max_batch_size`);
    const one = await get(`m/config?backend=${first}`);
    assert.deepEqual([one.text, one.differs, one.from], [large, null, first]);
    const lines = (): string[] =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.includes('is not the same at all of its backends'));
    await waitFor(() => lines().length > 0);
    await get('m/config');
    await gateway?.stop();
    gateway = undefined;
    assert.equal(lines().length, 1);
    assert.match(lines()[0] ?? '', /max_batch_size/);
  });
});
