/** Many large JSON bodies at once: what they take is the tensors in them, not their text. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import { startVictim } from '../support/index.ts';

const clients = 16;
const values = 800_000;

it(`${clients} clients that post as many large bodies take less memory than their text`, async (t) => {
  const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
  t.after(() => fleet.stop());
  // as the command starts it
  const flags = ['--min-semi-space-size=16', '--max-semi-space-size=32', '--initial-old-space-size=128'];
  const victim = await startVictim(
    fleet.backends.map(({ url }) => url),
    {},
    flags,
  );
  t.after(() => victim.stop());
  // 17 digits, as Python writes float32 values
  const text = Array.from({ length: 1000 }, (_, i) => String(Math.fround(Math.sin(i + 0.5)))).join(', ');
  const body = Buffer.from(
    `{"instances": [${Array.from({ length: values / 1000 }, () => text).join(', ')}]}`,
  );
  const [hostname, port] = victim.rest.split(':');
  const post = (sent: Buffer): Promise<number> =>
    new Promise((resolve, reject) => {
      const path = '/v1/models/half_plus_two:predict';
      const call = request({ hostname, port, path, method: 'POST' }, (answer) => {
        answer.resume();
        answer.on('end', () => {
          resolve(answer.statusCode ?? 0);
        });
      });
      call.on('error', reject);
      call.end(sent);
    });
  const mebibytes = (name: string): number =>
    Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${victim.pid}/status`, 'utf8'))?.[1]) /
    1024;

  for (let i = 0; i < 100; i++) assert.equal(await post(Buffer.from('{"instances": [1.0]}')), 200);
  const idle = mebibytes('VmRSS');
  const statuses = await Promise.all(Array.from({ length: clients }, () => post(body)));
  assert.deepEqual(statuses, Array<number>(clients).fill(200));
  const took = mebibytes('VmHWM') - idle;
  const sent = (clients * body.length) / 2 ** 20;
  const tensors = (clients * values * 4 * 2) / 2 ** 20;
  console.log(
    `${took.toFixed()} MiB for ${sent.toFixed()} MiB of text, ${tensors.toFixed()} MiB of tensors both ways`,
  );
  assert.ok(took < sent);
});
