/** A megabyte that comes in one-byte frames and is kept takes about a megabyte, whoever keeps it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { holding, emptied } from '../support/held.ts';
import {
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  type RawBackend,
  RawClient,
  startRawBackend,
  startVictim,
  type Victim,
} from '../support/index.ts';

const mebi = 2 ** 20;
/** Twice the heap of the victim's young generation, and some copies. */
const slackMiB = 60;

describe('one-byte frames', () => {
  let backend: RawBackend;
  let victim: Victim;
  before(async () => {
    // nothing is answered but how the models are
    backend = await startRawBackend({ onCall: () => undefined });
    victim = await startVictim([backend.url], {
      hedge: { enabled: false },
      models: { half_plus_two: { mirror: { model: 'other' } } },
    });
  });
  after(async () => {
    await victim.stop();
    backend.close();
  });

  const json = (path: string): string[] =>
    predictFields([], path).map((text) => (text === 'application/grpc' ? 'application/json' : text));
  for (const [what, fields, body] of [
    ['a KServe request', json('/v2/models/half_plus_two/infer'), Buffer.alloc(mebi, ' ')],
    [
      'JSON for a model that is not known yet',
      json('/v1/models/half_plus_two:predict'),
      Buffer.alloc(mebi, ' '),
    ],
    ['a request that is mirrored', predictFields(), framed(predictMessage('half_plus_two', mebi / 4))],
  ] as const) {
    it(`of ${what} take no more than they hold`, async (t) => {
      const before_ = victim.rss();
      const client = await RawClient.open(victim.grpc);
      t.after(() => client.destroy());
      client.send(headers(1, [...fields]));
      for (let at = 0; at < body.length - 100; at += 4096) {
        const frames = Array.from({ length: Math.min(4096, body.length - 100 - at) }, (_, i) =>
          frame(h2.DATA, 0, 1, body.subarray(at + i, at + i + 1)),
        );
        assert.ok(await client.flush(...frames), 'the connection is open');
      }
      await holding(victim.admin, mebi - 100_000);
      const rss = victim.rss();
      assert.ok(rss < before_ + slackMiB, `${rss.toFixed()} MiB, ${before_.toFixed()} before`);
      client.destroy();
      await emptied(victim.admin);
    });
  }
});
