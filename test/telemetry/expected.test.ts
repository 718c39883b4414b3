/** Counters that an alert looks at are there before the first event: from nothing, it would be no rise. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import { unaryCall } from '../support/index.ts';
import { callEnd, quietTelemetry, samples } from './support.ts';

describe('metrics of calls', () => {
  it('begin at 0 for the inference calls of a model that a server has, by version', async () => {
    const t = quietTelemetry();
    t.observer.backendState('a', { model: 'm' }, '1', true);
    const before = (await t.render()).body;
    t.observer.backendState('a', { model: 'm' }, '1', false);
    assert.equal(
      (await t.render()).body.replaceAll(/backend_available.*/g, ''),
      before.replaceAll(/backend_available.*/g, ''),
    );
    for (const [api, method] of [
      ['TensorFlowServing', 'Predict'],
      ['KServe', 'ModelInfer'],
    ] as const) {
      for (const via of ['gRPC', 'REST', 'gRPC-Web']) {
        const labels = `api="${api}",interface="${via}",method="${method}"`;
        for (const line of [
          `requests_fail{${labels},name="m",code="UNAVAILABLE"} 0`,
          `requests_fail{${labels},name="m",version="1",code="UNAVAILABLE"} 0`,
          `requests_fail{${labels},name="m",version="1",code="DEADLINE_EXCEEDED"} 0`,
          `requests_accepted{${labels},name="m"} 0`,
          `requests_rejected{${labels},name="m"} 0`,
          `requests_fail{${labels},code="NOT_FOUND"} 0`,
        ])
          assert.ok(before.includes(`tensorgate_${line}\n`), line);
      }
    }
    const call = unaryCall(undefined, { target: { model: 'm', signature: '' } });
    t.observer.callEnded(callEnd({ call, code: Code.UNAVAILABLE, from: '' }));
    const [now] = samples((await t.render()).body, 'tensorgate_requests_fail').filter((line) =>
      line.endsWith(' 1'),
    );
    assert.match(now!, /interface="gRPC",method="Predict",name="m",version="1",code="UNAVAILABLE"/);
  });

  it('begin at 0 for a part of the series that there may be, however many models there are', async () => {
    const t = quietTelemetry(600);
    for (let i = 0; i < 500; i++) t.observer.backendState('a', { model: `m${i}` }, '1', true);
    assert.equal(samples((await t.render()).body, 'tensorgate_requests_fail').length, 200);
    t.observer.callEnded(callEnd({ code: Code.UNAVAILABLE }));
    assert.equal(samples((await t.render()).body, 'tensorgate_requests_fail').length, 201);
  });
});
