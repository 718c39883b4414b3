/**
 * Many large JSON bodies at once, in a process that is new: at their height they take little more than their tensors,
 * however they come.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:http2';
import type { Writable } from 'node:stream';
import { it } from 'node:test';
import { dtypes, encodeGetModelMetadataResponse } from '../../src/codec/index.ts';
import { predictReply, rawAnswer, startRawBackend, startVictim, type Victim } from '../support/index.ts';

const clients = 16;
const rows = 400;
const rowValues = 4096;
const path = '/v1/models/half_plus_two:predict';
/** Of the tensors' own size: 1.3 to 1.5 is measured, 2.0 where dead reads wait for the garbage collector. */
const bound = 1.75;

const info = (
  name: string,
): { dtype: 'float'; dtypeNumber: number; shape: undefined; tensorName: string } => ({
  dtype: 'float',
  dtypeNumber: dtypes.float.number,
  shape: undefined,
  tensorName: `${name}:0`,
});
const metadata = encodeGetModelMetadataResponse({
  model: 'half_plus_two',
  version: 1n,
  signatures: new Map([
    [
      'serving_default',
      {
        name: 'serving_default',
        methodName: 'tensorflow/serving/predict',
        inputs: new Map([['x', info('x')]]),
        outputs: new Map([['y', info('y')]]),
      },
    ],
  ]),
});

// 17 digits, as Python writes float32 values
const row = Buffer.from(
  `,[${Array.from({ length: rowValues }, (_, i) => String(Math.fround((i + 0.5) / rowValues))).join(',')}]`,
);

async function send(to: Writable, count: number): Promise<void> {
  to.write('{"instances":[');
  for (let i = 0; i < count; i++) if (!to.write(i === 0 ? row.subarray(1) : row)) await once(to, 'drain');
  to.end(']}');
}

const lengthOf = (count: number): number => '{"instances":['.length + count * row.length - 1 + ']}'.length;

/** Posts so many rows and gives the status. */
type Post = (host: string, count: number) => Promise<number>;

const byHttp1 =
  (sized: boolean): Post =>
  async (host, count) => {
    const [hostname, port] = host.split(':');
    const headers = sized ? { 'content-length': lengthOf(count) } : {};
    const call = request({ hostname, port, path, method: 'POST', headers });
    const answered = once(call, 'response') as Promise<[NodeJS.ReadableStream & { statusCode: number }]>;
    await send(call, count);
    const [answer] = await answered;
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode;
  };

const byHttp2: Post = async (host, count) => {
  const session = connect(`http://${host}`);
  const stream = session.request({ ':method': 'POST', ':path': path });
  const answered = once(stream, 'response') as Promise<[{ ':status': number }]>;
  await send(stream, count);
  const [fields] = await answered;
  stream.resume();
  await once(stream, 'end');
  session.close();
  return fields[':status'];
};

const mebibytes = (victim: Victim, name: string): number =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${victim.pid}/status`, 'utf8'))?.[1]) /
  1024;

for (const [name, post] of [
  ['of known length', byHttp1(true)],
  ['in chunks', byHttp1(false)],
  ['over HTTP/2', byHttp2],
] as const) {
  it(
    `${clients} large bodies ${name} take little more than their tensors`,
    { timeout: 120_000 },
    async (t) => {
      const backend = await startRawBackend({
        onCall(call) {
          call.send(rawAnswer(call.id, call.path.endsWith('/GetModelMetadata') ? metadata : predictReply));
        },
      });
      t.after(() => {
        backend.close();
      });
      // as the command starts it
      const flags = ['--min-semi-space-size=16', '--max-semi-space-size=32', '--initial-old-space-size=128'];
      const victim = await startVictim([backend.url], {}, [...flags, '--no-maglev']);
      t.after(() => victim.stop());
      // what the code itself takes is not the bodies'
      assert.equal(await post(victim.rest, 50), 200);
      const idle = mebibytes(victim, 'VmRSS');
      const statuses = await Promise.all(Array.from({ length: clients }, () => post(victim.rest, rows)));
      assert.deepEqual(statuses, Array<number>(clients).fill(200));
      const took = mebibytes(victim, 'VmHWM') - idle;
      const tensors = (clients * rows * rowValues * 4) / 2 ** 20;
      t.diagnostic(`${(took / tensors).toFixed(2)} times their tensors of ${tensors.toFixed()} MiB`);
      assert.ok(took < bound * tensors, `${took.toFixed()} MiB for tensors of ${tensors.toFixed()} MiB`);
    },
  );
}
