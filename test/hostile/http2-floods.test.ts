/** Frames without end on one HTTP/2 connection: each flood meets its limit, is counted, and hurts nobody beside it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  frame,
  framed,
  h2,
  headers,
  hpackLiterals,
  predictFields,
  predictMessage,
  RawClient,
  rst,
  settings,
  sleep,
  startVictim,
  uint32,
  type Victim,
  windowUpdate,
} from '../support/index.ts';
import { control } from '../demo/control.ts';

const cancel = 8;
const halfOpen = h2.END_HEADERS;
const whole = h2.END_HEADERS | h2.END_STREAM;
const request = framed(predictMessage());
const head = (id: number): Buffer => headers(id, predictFields(), halfOpen);
const call = (id: number): Buffer => Buffer.concat([head(id), frame(h2.DATA, h2.END_STREAM, id, request)]);
/** A call whose reply is held up for ever, because the client allows none of it. */
const stalled = (id: number): Buffer => Buffer.concat([head(id), frame(h2.DATA, 0, id, request)]);

interface Flood {
  readonly name: string;
  /** One step of the flood; ids of client streams are 2 * step + 1. */
  readonly step: (step: number, id: number) => Buffer;
  /** Sent once, before. */
  readonly first?: Buffer;
  readonly settings?: readonly (readonly [number, number])[];
  readonly code: string | RegExp;
  /** Label of the metric; undefined for what is a plain protocol error. */
  readonly limit?: string;
  /** Steps by which it must have ended. */
  readonly within: number;
}

const floods: readonly Flood[] = [
  {
    name: 'rapid reset: HEADERS and RST_STREAM (CVE-2023-44487)',
    step: (_, id) => Buffer.concat([head(id), rst(id, cancel)]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'rapid reset of whole calls',
    step: (_, id) => Buffer.concat([call(id), rst(id, cancel)]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'made you reset: WINDOW_UPDATE of 0 (CVE-2025-8671)',
    step: (_, id) => Buffer.concat([stalled(id), windowUpdate(id, 0)]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'made you reset: WINDOW_UPDATE that overflows',
    step: (_, id) => Buffer.concat([stalled(id), windowUpdate(id, 2 ** 31 - 1)]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'made you reset: PRIORITY of the wrong length',
    step: (_, id) => Buffer.concat([stalled(id), frame(h2.PRIORITY, 0, id, Buffer.alloc(4))]),
    code: /ENHANCE_YOUR_CALM|FRAME_SIZE_ERROR/,
    within: 2000,
  },
  {
    name: 'made you reset: a stream that depends on itself',
    step: (_, id) =>
      Buffer.concat([stalled(id), frame(h2.PRIORITY, 0, id, Buffer.concat([uint32(id), Buffer.alloc(1)]))]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'made you reset: HEADERS after END_STREAM',
    step: (_, id) => Buffer.concat([call(id), headers(id, predictFields(), whole)]),
    code: /ENHANCE_YOUR_CALM|STREAM_CLOSED/,
    within: 2000,
  },
  {
    name: 'made you reset: DATA after END_STREAM',
    step: (_, id) => Buffer.concat([call(id), frame(h2.DATA, 0, id, request)]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'made you reset: more DATA than content-length',
    step: (_, id) =>
      Buffer.concat([
        headers(id, predictFields(['content-length', '3'])),
        frame(h2.DATA, 0, id, request.subarray(0, 4)),
      ]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'malformed requests',
    step: (_, id) => headers(id, predictFields(['Upper-Case', 'x'])),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'more streams than allowed',
    step: (_, id) => head(id),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'streams',
    within: 2500,
  },
  {
    name: 'CONTINUATION without end (CVE-2024-27316)',
    first: frame(h2.HEADERS, 0, 1, hpackLiterals(predictFields())),
    step: (step) => frame(h2.CONTINUATION, 0, 1, hpackLiterals([`x-${step}`, 'y'])),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'continuations',
    within: 1000,
  },
  {
    name: 'CONTINUATION frames that are empty',
    first: frame(h2.HEADERS, 0, 1, hpackLiterals(predictFields())),
    step: () => frame(h2.CONTINUATION, 0, 1),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'continuations',
    within: 1000,
  },
  {
    name: 'SETTINGS (CVE-2019-9515)',
    step: () => settings([[4, 65_535]]),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'SETTINGS',
    within: 20_000,
  },
  {
    name: 'SETTINGS of thousands of entries',
    step: () => settings(Array.from({ length: 2700 }, (_, i) => [1, i % 2 === 0 ? 0 : 4096] as const)),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'SETTINGS',
    within: 100,
  },
  {
    name: 'PING (CVE-2019-9512)',
    step: () => frame(h2.PING, 0, 0, Buffer.alloc(8)),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'PING',
    within: 20_000,
  },
  {
    name: 'acknowledgements of pings that were never sent',
    step: () => frame(h2.PING, h2.ACK, 0, Buffer.alloc(8)),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'PING',
    within: 20_000,
  },
  {
    name: 'acknowledgements of SETTINGS that were never sent',
    step: () => frame(h2.SETTINGS, h2.ACK, 0),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'SETTINGS',
    within: 20_000,
  },
  {
    name: 'PRIORITY (CVE-2019-9513)',
    step: (step) =>
      frame(h2.PRIORITY, 0, 2 * (step % 100) + 1, Buffer.concat([uint32(0), Buffer.from([step % 256])])),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'PRIORITY',
    within: 20_000,
  },
  {
    name: 'WINDOW_UPDATE of a stream',
    first: head(1),
    step: () => windowUpdate(1, 1),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'WINDOW_UPDATE',
    within: 30_000,
  },
  {
    name: 'WINDOW_UPDATE of the connection',
    step: () => windowUpdate(0, 1),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'WINDOW_UPDATE',
    within: 30_000,
  },
  {
    name: 'a connection window beyond 2^31-1 (CVE-2026-21714)',
    step: () => windowUpdate(0, 2 ** 31 - 1),
    code: 'FLOW_CONTROL_ERROR',
    within: 5,
  },
  {
    name: 'empty DATA (CVE-2019-9518)',
    first: head(1),
    step: () => frame(h2.DATA, 0, 1),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'empty DATA',
    within: 20_000,
  },
  {
    name: 'DATA that is all padding',
    first: head(1),
    step: () => frame(h2.DATA, h2.PADDED, 1, Buffer.from([0])),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'empty DATA',
    within: 20_000,
  },
  {
    name: 'empty HEADERS',
    step: (_, id) => frame(h2.HEADERS, whole, id),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
  {
    name: 'frames of unknown types',
    step: (step) => frame(0x20 + (step % 100), 0, 0, Buffer.alloc(16)),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'unknown',
    within: 20_000,
  },
  {
    name: 'RST_STREAM of one stream again and again',
    first: Buffer.concat([head(1), rst(1, cancel)]),
    step: () => rst(1, cancel),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'RST_STREAM',
    within: 20_000,
  },
  {
    name: 'header lists beyond the limit, one after the other',
    step: (_, id) => headers(id, predictFields(Array.from({ length: 600 }, () => ['a', 'b']).flat()), whole),
    code: 'ENHANCE_YOUR_CALM',
    limit: 'resets',
    within: 2000,
  },
];

describe('HTTP/2 floods', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    victim = await startVictim(fleet.backends.map(({ url }) => url));
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  for (const flood of floods) {
    it(`${flood.name}: GOAWAY`, async (t) => {
      const limitedBefore = await victim.limited();
      const bystander = await victim.bystander();
      const client = await RawClient.open(victim.grpc, flood.settings);
      t.after(async () => {
        client.destroy();
        await bystander.stop();
      });
      if (flood.first !== undefined) client.send(flood.first);
      const batch = 50;
      for (let at = 0; at < flood.within; at += batch) {
        const steps = Array.from({ length: Math.min(batch, flood.within - at) }, (_, i) =>
          flood.step(at + i, 2 * (at + i) + (flood.first === undefined ? 1 : 3)),
        );
        if (!(await client.flush(...steps)) || client.goaway !== undefined) break;
      }
      const code = await client.untilGoaway();
      const text = `${code}: ${client.goaway?.text}`;
      if (typeof flood.code === 'string') assert.equal(code, flood.code, text);
      else assert.match(code, flood.code, text);
      victim.alive();
      const beside = await bystander.stop();
      assert.deepEqual(beside.failures, [], victim.output());
      if (flood.limit !== undefined) {
        const after_ = await victim.limited();
        assert.ok(
          (after_[flood.limit] ?? 0) > (limitedBefore[flood.limit] ?? 0),
          `limited_total{limit="${flood.limit}"}: ${JSON.stringify(after_)}`,
        );
      }
    });
  }

  it('two thousand connections that break the rules leave nothing behind', async () => {
    const before_ = victim.rss();
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        Array.from({ length: 20 }, async () => {
          const client = await RawClient.open(victim.grpc);
          client.send(stalled(1), windowUpdate(0, 2 ** 31 - 1));
          await client.untilGoaway();
          client.destroy();
        }),
      );
    }
    await victim.settled(before_);
    victim.alive();
  });

  it('leaves no call at the backend', async () => {
    await sleep(500);
    const state = await control<{ inFlight: number }>(fleet.backends[0]?.control ?? '');
    assert.equal(state.inFlight, 0);
  });
});
