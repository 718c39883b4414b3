/** The compiled gateway on the Node that the machine brings, which may be as old as package.json's engines allow. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { freePort, run, type RunningProcess, startProcess, waitFor } from '../support/index.ts';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
// npm puts the pinned Node first
const node = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((path) => existsSync(path));
const version = node === undefined ? '' : (await run(node, ['--version'])).stdout.trim();
const skip =
  version === '' || version === process.version
    ? 'the machine has no Node of its own besides the pinned one'
    : false;

describe(`the compiled gateway on Node ${version}`, { skip }, () => {
  let fleet: DemoFleet;
  let gateway: RunningProcess | undefined;
  before(async () => {
    // builds dist/ where that was not done yet
    const { code, stderr } = await run(fileURLToPath(new URL('../../bin/tensorgate', import.meta.url)), [
      '--version',
    ]);
    assert.equal(code, 0, stderr);
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  });
  after(async () => {
    await gateway?.kill();
    await fleet.stop();
  });

  it('starts and answers', async () => {
    const rest = String(await freePort());
    gateway = await startProcess(
      node as string,
      [
        main,
        'serve',
        '--backend',
        fleet.backends[0]?.url ?? '',
        '--host',
        '127.0.0.1',
        '--rest-port',
        rest,
        '--grpc-port',
        String(await freePort()),
        '--admin-port',
        '0',
      ],
      { ready: /gRPC +127/ },
    );
    const answer = await waitFor(async () => {
      const reply = await fetch(`http://127.0.0.1:${rest}/v1/models/half_plus_two:predict`, {
        method: 'POST',
        body: '{"instances":[1.0,5.0]}',
      });
      return reply.ok ? await reply.text() : undefined;
    });
    assert.equal(answer, '{"predictions":[2.5,4.5]}');
  });
});
