/** What metrics call models of one name in two fleets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unaryCall } from '../support/index.ts';
import { callEnd, quietTelemetry, samples } from './support.ts';

describe('metrics of several fleets', () => {
  it('tell models of one name in two fleets apart, and leave those of the default fleet as they were', async () => {
    const t = quietTelemetry();
    const there = { fleet: 'new', model: 'half_plus_two' };
    const elsewhere = unaryCall(undefined, { target: { ...there, signature: '' } });
    t.observer.backendState('a', { model: 'half_plus_two' }, '1', true);
    t.observer.backendState('a', there, '1', false);
    t.observer.callEnded(callEnd());
    t.observer.callEnded(callEnd({ call: elsewhere, started: t.observer.callStarted(elsewhere) }));
    t.observer.callEnded(callEnd({ call: elsewhere }));
    t.observer.cache(there, 'hit');
    t.observer.mirrored(there, 'ok');
    t.observer.queued(there, 2);
    t.observer.waited(there, 1);
    t.observer.ejected('a', there);
    const text = (await t.render()).body;
    const labels = 'api="TensorFlowServing",interface="gRPC",method="Predict",name="half_plus_two"';
    assert.deepEqual(samples(text, 'tensorgate_requests_success'), [
      `tensorgate_requests_success{${labels},version="1",code="OK"} 1`,
      `tensorgate_requests_success{${labels},fleet="new",version="1",code="OK"} 2`,
    ]);
    for (const line of [
      `requests_accepted{${labels},fleet="new"} 2`,
      'request_time_us_count{interface="gRPC",name="half_plus_two",version="1"} 1',
      'request_time_us_count{interface="gRPC",name="half_plus_two",fleet="new",version="1"} 2',
      'request_bytes_total{interface="gRPC",name="half_plus_two",fleet="new"} 20',
      'current_requests{interface="gRPC",name="half_plus_two",fleet="new"} 0',
      'backend_available{backend="a",name="half_plus_two",version="1"} 1',
      'backend_available{backend="a",name="half_plus_two",fleet="new",version="1"} 0',
      'cache_events_total{name="half_plus_two",fleet="new",event="hit"} 1',
      'mirrored_total{name="half_plus_two",fleet="new",outcome="ok"} 1',
      'queued_requests{name="half_plus_two",fleet="new"} 2',
      'queue_time_us_count{name="half_plus_two",fleet="new"} 1',
      'backend_ejected{backend="a",name="half_plus_two",fleet="new"} 1',
    ])
      assert.ok(text.includes(`tensorgate_${line}\n`), line);
    // the calls of both
    const [here, further] = [t.observer.meterOf('a'), t.observer.meterOf('a')];
    here.inFlight(3);
    further.inFlight(1);
    here.inFlight(2);
    const inFlight = async (): Promise<readonly string[]> =>
      samples((await t.render()).body, 'tensorgate_backend_in_flight');
    assert.deepEqual(await inFlight(), ['tensorgate_backend_in_flight{backend="a"} 3']);
    further.inFlight(0);
    assert.deepEqual(await inFlight(), ['tensorgate_backend_in_flight{backend="a"} 2']);
    // another fleet still has that backend
    t.observer.modelsGone('a', 'new');
    const left = (await t.render()).body;
    assert.deepEqual(samples(left, 'tensorgate_backend_available'), [
      'tensorgate_backend_available{backend="a",name="half_plus_two",version="1"} 1',
    ]);
    assert.deepEqual(samples(left, 'tensorgate_backend_ejected'), []);
  });
});
