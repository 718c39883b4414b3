/** Metrics have OVMS's names and buckets, no client can make series, and the access log says what happened. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import {
  bucketEdgesUs,
  countsOf,
  createTelemetry,
  mergeRenderings,
  type Telemetry,
  type TelemetryDeps,
  type TelemetryOptions,
} from '../../src/telemetry/index.ts';
import { manualTimers, method, streamCall, unaryCall, waitFor } from '../support/index.ts';
import { callEnd as end, samples } from './support.ts';

let folder: string;
before(() => void (folder = mkdtempSync(join(tmpdir(), 'telemetry-'))));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function telemetry(
  fields: Partial<TelemetryOptions> = {},
  random = () => 0.5,
  timers: Partial<TelemetryDeps> = {},
): { telemetry: Telemetry; lines: () => Record<string, unknown>[] } {
  const path = join(folder, `log-${++files}`);
  const made = createTelemetry(
    {
      prefix: 'tensorgate',
      version: '1.2.3',
      maxModels: 50,
      maxVersionsPerModel: 4,
      maxSeries: 1000,
      processMetrics: false,
      log: { level: 'info', destination: path },
      access: { mode: 'off', sample: 0, maxPerSecond: 100 },
      ...fields,
    },
    { clock: () => performance.now(), random, ...timers },
  );
  return {
    telemetry: made,
    // no flush: it would write past a line that is being written
    lines: () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const body = async (from: Telemetry): Promise<string> => (await from.render()).body;
describe('metrics', () => {
  it("count calls under OVMS's names and labels, by code", async () => {
    const { telemetry: t } = telemetry();
    t.observer.callEnded(end());
    t.observer.callEnded(end());
    t.observer.callEnded(end({ code: Code.INVALID_ARGUMENT }));
    t.observer.callEnded(
      end({ call: unaryCall(undefined, { via: 'REST' }), code: Code.UNAVAILABLE, from: '' }),
    );
    const text = await body(t);
    const labels = 'api="TensorFlowServing",interface="gRPC",method="Predict",name="half_plus_two"';
    const counted = samples(text, 'tensorgate_requests_').filter((line) => line.includes('name='));
    assert.deepEqual(counted, [
      `tensorgate_requests_success{${labels},version="1",code="OK"} 2`,
      `tensorgate_requests_fail{${labels},version="1",code="INVALID_ARGUMENT"} 1`,
      `tensorgate_requests_fail{${labels.replace('gRPC', 'REST')},code="UNAVAILABLE"} 1`.replace(
        ',code',
        ',version="1",code',
      ),
      `tensorgate_requests_accepted{${labels}} 3`,
      `tensorgate_requests_accepted{${labels.replace('gRPC', 'REST')}} 0`,
      `tensorgate_requests_rejected{${labels}} 0`,
      `tensorgate_requests_rejected{${labels.replace('gRPC', 'REST')}} 1`,
    ]);
    assert.match(text, /^tensorgate_request_bytes_total\{interface="gRPC",name="half_plus_two"\} 30$/m);
    assert.match(text, /^# TYPE tensorgate_requests_success counter$/m);
    assert.match(text, /^tensorgate_build_info\{version="1.2.3",node="v\d+/m);
  });

  it("have OVMS's bucket edges, and put a time into the bucket whose edge it does not exceed", async () => {
    assert.deepEqual(bucketEdgesUs.slice(0, 7), [10, 18, 32, 58, 104, 188, 340]);
    assert.ok(
      bucketEdgesUs.includes(67466) && bucketEdgesUs.includes(218591),
      'the edges of the Apdex panels',
    );
    assert.equal(bucketEdgesUs.length, 33);
    const { telemetry: t } = telemetry();
    for (const us of [10, 11, 18, 5e12]) t.observer.callEnded(end({ durationMs: us / 1000 }));
    const lines = samples(await body(t), 'tensorgate_request_time_us');
    const start = 'tensorgate_request_time_us_bucket{interface="gRPC",name="half_plus_two",version="1"';
    assert.equal(lines[0], `${start},le="10"} 1`);
    assert.equal(lines[1], `${start},le="18"} 3`);
    assert.equal(lines[32], `${start},le="${bucketEdgesUs[32]}"} 3`);
    assert.equal(lines[33], `${start},le="+Inf"} 4`);
    assert.match(lines[35]!, /_count\{.*\} 4$/);
  });

  it('time only successful unary inference', async () => {
    const { telemetry: t } = telemetry();
    t.observer.backendState('b', { model: 'half_plus_two' }, '1', true);
    t.observer.callEnded(end({ code: Code.UNAVAILABLE }));
    t.observer.callEnded(
      end({
        call: unaryCall(undefined, { method: method('/tensorflow.serving.ModelService/GetModelStatus') }),
      }),
    );
    t.observer.callEnded(end({ call: streamCall() }));
    assert.deepEqual(samples(await body(t), 'tensorgate_request_time_us_count'), [
      'tensorgate_request_time_us_count{interface="gRPC",name="half_plus_two",version="1"} 0',
    ]);
  });

  it('show what is under way, and nothing after every end', async () => {
    const { telemetry: t } = telemetry();
    t.observer.backendState('b', { model: 'half_plus_two' }, '1', true);
    const call = unaryCall();
    const stranger = unaryCall(undefined, { target: { model: 'stranger', signature: '' } });
    const started = t.observer.callStarted(call);
    const strangerStarted = t.observer.callStarted(stranger);
    assert.deepEqual(samples(await body(t), 'tensorgate_current_requests'), [
      'tensorgate_current_requests{interface="gRPC",name="half_plus_two"} 1',
      'tensorgate_current_requests{interface="gRPC"} 1',
    ]);
    t.observer.callEnded(end({ call, started }));
    t.observer.callEnded(end({ call: stranger, started: strangerStarted, knownModel: true }));
    assert.ok(samples(await body(t), 'tensorgate_current_requests').every((line) => line.endsWith(' 0')));
  });

  it('make no series of what clients invent: models, versions, methods', async () => {
    const { telemetry: t } = telemetry();
    t.observer.callEnded(end());
    for (let i = 0; i < 20_000; i++) {
      const call = unaryCall(undefined, { target: { model: `invented${i}`, signature: '' } });
      t.observer.callStarted(call);
      t.observer.callEnded(end({ call, knownModel: false, code: Code.NOT_FOUND, version: String(i) }));
    }
    for (let i = 100; i < 1100; i++) t.observer.callEnded(end({ code: Code.NOT_FOUND, version: String(i) }));
    for (let i = 0; i < 1000; i++) {
      const call = unaryCall(undefined, { method: method(`/foo.Bar/M${i}`), target: undefined });
      t.observer.callEnded(end({ call, knownModel: false }));
    }
    const text = await body(t);
    assert.ok(text.split('\n').length < 260, `${text.split('\n').length} lines`);
    assert.doesNotMatch(text, /invented|"M1"|"100"/);
    assert.match(
      text,
      /^tensorgate_requests_fail\{api="TensorFlowServing",interface="gRPC",method="Predict",code="NOT_FOUND"\} 20000$/m,
    );
    assert.match(text, /^tensorgate_requests_fail\{.*name="half_plus_two",code="NOT_FOUND"\} 1000$/m);
    assert.match(text, /api="other",interface="gRPC",method="other",code="OK"\} 1000$/m);
  });

  it('keep the name of a model that no backend is up to have', async () => {
    const { telemetry: t } = telemetry();
    t.observer.backendState('a', { model: 'half_plus_two' }, '1', true);
    t.observer.backendState('a', { model: 'half_plus_two' }, '1', false);
    t.observer.callEnded(end({ code: Code.UNAVAILABLE, knownModel: false, version: '' }));
    assert.match(await body(t), /^tensorgate_requests_fail\{.*name="half_plus_two",code="UNAVAILABLE"\} 1$/m);
  });

  it('show which backends are ejected now, and time at backends and in the queue', async () => {
    const { telemetry: t } = telemetry();
    const { observer } = t;
    observer.ejected('a', { model: 'm' });
    observer.readmitted('b', { model: 'm' });
    const meter = observer.meterOf('a');
    meter.called(Code.OK, 1);
    meter.called(Code.UNAVAILABLE, 1);
    observer.waited({ model: 'm' }, 2);
    const text = await body(t);
    assert.deepEqual(samples(text, 'tensorgate_backend_ejected'), [
      'tensorgate_backend_ejected{backend="a",name="m"} 1',
    ]);
    assert.deepEqual(samples(text, 'tensorgate_backend_requests_total'), [
      'tensorgate_backend_requests_total{backend="a",code="OK"} 1',
      'tensorgate_backend_requests_total{backend="a",code="UNAVAILABLE"} 1',
    ]);
    assert.match(text, /^tensorgate_backend_request_time_us_sum\{backend="a"\} 1000$/m);
    assert.match(text, /^tensorgate_queue_time_us_sum\{name="m"\} 2000$/m);
    observer.readmitted('a', { model: 'm' });
    assert.match(await body(t), /^tensorgate_backend_ejected\{backend="a",name="m"\} 0$/m);
    observer.backendGone('a');
    assert.doesNotMatch(await body(t), /backend="a"/);
    // another fleet has it still
    meter.called(Code.OK, 1);
    assert.match(await body(t), /^tensorgate_backend_requests_total\{backend="a",code="OK"\} 1$/m);
  });

  it('bound the series that even the fleet makes', async () => {
    const { telemetry: t } = telemetry({ maxSeries: 10 });
    for (let i = 0; i < 100; i++) t.observer.meterOf(`b${i}`).inFlight(i);
    const lines = samples(await body(t), 'tensorgate_backend_in_flight');
    assert.equal(lines.length, 11);
    assert.match(lines[10]!, /backend="other"/);
  });

  it('show backends until they are gone', async () => {
    const { telemetry: t } = telemetry();
    const { observer } = t;
    observer.backendState('b:1', { model: 'm' }, '1', true);
    observer.backendState('b:2', { model: 'm' }, '1', false);
    observer.meterOf('b:1').inFlight(3);
    observer.ejected('b:2', { model: 'm' });
    observer.retried('b:2', 'refused');
    observer.cache({ model: 'm' }, 'hit');
    observer.limited('body');
    const text = await body(t);
    for (const line of [
      'tensorgate_backend_available{backend="b:1",name="m",version="1"} 1',
      'tensorgate_backend_available{backend="b:2",name="m",version="1"} 0',
      'tensorgate_backend_in_flight{backend="b:1"} 3',
      'tensorgate_backend_ejections_total{backend="b:2",name="m"} 1',
      'tensorgate_retries_total{backend="b:2",reason="refused"} 1',
      'tensorgate_cache_events_total{name="m",event="hit"} 1',
      'tensorgate_limited_total{limit="body"} 1',
    ]) {
      assert.ok(text.includes(`${line}\n`), line);
    }
    observer.backendGone('b:2');
    assert.doesNotMatch(await body(t), /b:2/);
    observer.backendState('b:2', { model: 'm' }, '1', true);
    assert.match(await body(t), /available\{backend="b:2",name="m",version="1"\} 1/);
  });

  it('escape what labels hold', async () => {
    const { telemetry: t } = telemetry();
    t.observer.sharedLimit('a"b\\c\nd', 'redis');
    assert.match(await body(t), /limit="a\\"b\\\\c\\nd",by="redis"\} 1/);
  });

  it('render five thousand series without holding up the process for long', async () => {
    const { telemetry: t } = telemetry({ maxModels: 2000, maxSeries: 5000 });
    for (let i = 0; i < 1000; i++) {
      t.observer.callEnded(
        end({ call: unaryCall(undefined, { target: { model: `m${i}`, signature: '' } }) }),
      );
    }
    await t.render();
    const start = performance.now();
    const { body: text } = await t.render();
    const ms = performance.now() - start;
    assert.ok(text.split('\n').length > 40_000);
    assert.ok(ms < 500, `${ms} ms`); // 20 ms on a quiet machine
  });

  it('include the figures of the process when asked', async () => {
    const { telemetry: t } = telemetry({ processMetrics: true });
    const { body: text, contentType } = await t.render();
    assert.match(contentType, /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
    assert.match(text, /^nodejs_eventloop_lag_p99_seconds [\d.e-]+$/m);
  });
});

describe('merged metrics of several workers', () => {
  it('add counters and buckets, keep what cannot be added', async () => {
    const workers = [telemetry().telemetry, telemetry().telemetry];
    for (const { observer } of workers) {
      observer.callEnded(end());
      observer.backendState('b', { model: 'm' }, '1', true);
      observer.meterOf('b').inFlight(2);
    }
    workers[1]!.observer.cache({ model: 'm' }, 'miss');
    workers[0]!.reloads(1000, true);
    workers[1]!.reloads(2000.5, false);
    const merged = mergeRenderings(await Promise.all(workers.map(body)));
    assert.match(merged, /^tensorgate_requests_success\{.*\} 2$/m);
    assert.match(merged, /^tensorgate_request_time_us_bucket\{.*le="58"\} 2$/m);
    assert.match(merged, /^tensorgate_backend_available\{.*\} 1$/m);
    assert.match(merged, /^tensorgate_backend_in_flight\{.*\} 4$/m);
    assert.match(merged, /^tensorgate_cache_events_total\{name="m",event="miss"\} 1$/m);
    assert.match(merged, /^tensorgate_build_info\{.*\} 1$/m);
    assert.match(merged, /^tensorgate_config_last_reload_successful 0$/m);
    assert.match(merged, /^tensorgate_config_last_reload_success_timestamp_seconds 2000\.5$/m);
    assert.equal(merged.match(/^# TYPE tensorgate_requests_success /gm)?.length, 1);
    const alone = await body(workers[0]!);
    assert.equal(mergeRenderings([alone]), alone);
    const counts = countsOf(alone);
    assert.match(counts, /^tensorgate_requests_success\{.*\} 1$/m);
    assert.match(counts, /^tensorgate_request_time_us_count\{.*\} 1$/m);
    assert.doesNotMatch(counts, /gauge|_backend_available|_backend_in_flight/);
    assert.equal(mergeRenderings(['', counts]), counts);
  });

  it('are merged where one of two has no number yet', () => {
    const lag = (text: string): string =>
      `# TYPE nodejs_eventloop_lag_p99_seconds gauge\nnodejs_eventloop_lag_p99_seconds ${text}\n`;
    assert.equal(mergeRenderings([lag('NaN'), lag('0.5')]), lag('0.5'));
    assert.equal(mergeRenderings([lag('0.5'), lag('NaN')]), lag('0.5'));
    assert.equal(mergeRenderings([lag('NaN'), lag('NaN')]), lag('NaN'));
    assert.equal(mergeRenderings([lag('+Inf'), lag('1')]), lag('+Inf'));
  });
});

describe('the access log', () => {
  it('has one line a call with what an operator asks for', async () => {
    const { telemetry: t, lines } = telemetry({ access: { mode: 'all', sample: 1, maxPerSecond: 1 } });
    t.observer.callEnded(
      end({ call: unaryCall(undefined, { id: 'r-1', peer: '10.0.0.9:1' }), durationMs: 1.23456 }),
    );
    t.observer.callEnded(
      end({ code: Code.UNAVAILABLE, message: 'nobody\ncan answer', where: 'fleet default', from: '' }),
    );
    const [first, second] = await waitFor(() => lines().length === 2 && lines());
    assert.match(String(first!.time), /^\d{4}-\d\d-\d\dT.*Z$/);
    delete first!.time;
    assert.deepEqual(first, {
      level: 'info',
      id: 'r-1',
      peer: '10.0.0.9:1',
      via: 'gRPC',
      method: '/tensorflow.serving.PredictionService/Predict',
      model: 'half_plus_two',
      version: '1',
      code: 'OK',
      ms: 1.23,
      bytesIn: 10,
      bytesOut: 20,
      backend: '127.0.0.1:8500',
      msg: 'call',
    });
    assert.equal(second!.message, 'nobody\ncan answer');
    assert.equal(second!.where, 'fleet default');
  });

  it('keeps failures and a sample in mode "errors", nothing in mode "off", and cuts what clients make long', async () => {
    let draws = 0;
    const { telemetry: t, lines } = telemetry(
      { access: { mode: 'errors', sample: 0.1, maxPerSecond: 100 } },
      () => (draws++ % 10) / 10,
    );
    for (let i = 0; i < 100; i++) t.observer.callEnded(end());
    t.observer.callEnded(
      end({
        code: Code.NOT_FOUND,
        call: unaryCall(undefined, { target: { model: 'x'.repeat(100_000), signature: '' } }),
      }),
    );
    const written = await waitFor(() => lines().length > 10 && lines());
    assert.equal(written.length, 11);
    assert.ok(JSON.stringify(written[10]).length < 1000);
    const off = telemetry();
    off.telemetry.observer.callEnded(end({ code: Code.INTERNAL }));
    off.telemetry.log.info({}, 'up');
    assert.equal((await waitFor(() => off.lines().length > 0 && off.lines())).length, 1);
  });

  it('is bounded by status in mode "errors": what is left out is counted, and told a second later', async () => {
    const timers = manualTimers();
    const access = { mode: 'errors', sample: 0, maxPerSecond: 3 } as const;
    const { telemetry: t, lines } = telemetry({ access }, undefined, timers);
    for (let i = 0; i < 1000; i++) t.observer.callEnded(end({ code: Code.RESOURCE_EXHAUSTED }));
    // trouble of another kind is not hidden by it
    t.observer.callEnded(end({ code: Code.UNAVAILABLE }));
    timers.advance(1000);
    t.observer.callEnded(end({ code: Code.RESOURCE_EXHAUSTED }));
    timers.advance(5000);
    const written = await waitFor(() => lines().length >= 6 && lines());
    assert.deepEqual(
      written.map(({ msg, code, status, suppressed }) => [msg, code ?? status, suppressed]),
      [
        ['call', 'RESOURCE_EXHAUSTED', undefined],
        ['call', 'RESOURCE_EXHAUSTED', undefined],
        ['call', 'RESOURCE_EXHAUSTED', undefined],
        ['call', 'UNAVAILABLE', undefined],
        ['more failures than are logged', 'RESOURCE_EXHAUSTED', 997],
        ['call', 'RESOURCE_EXHAUSTED', undefined],
      ],
    );
    assert.match((await t.render()).body, /^tensorgate_access_log_suppressed_total 997$/m);
  });
});
