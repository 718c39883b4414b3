/** The states of a gateway, from its start to its stop, as docs/states.md has them. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { predictClient } from '../journeys/predict-client.ts';
import {
  predictMessage,
  predictReply,
  rawAnswer,
  type RawCall,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';

const readiness = async (gateway: TestGateway): Promise<string> => {
  const answer = await fetch(`http://${gateway.admin}/readyz`);
  return `${answer.status} ${(await answer.text()).trim()}`;
};

describe('a gateway', () => {
  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function start(
    onCall: (call: RawCall) => void,
    config: Record<string, unknown> = {},
  ): Promise<TestGateway> {
    const backend = await startRawBackend({ onCall });
    ends.push(() => {
      backend.close();
    });
    const gateway = await startTestGateway([backend.url], config);
    ends.push(() => gateway.stop());
    return gateway;
  }
  function predict(gateway: TestGateway): Promise<string> {
    const client = predictClient(gateway.grpc);
    ends.push(() => {
      client.close();
    });
    return client.predict(predictMessage(), { deadlineMs: 20_000 }).then(
      () => 'answered',
      (reason: unknown) => String(reason),
    );
  }
  const answer = (call: RawCall): void => {
    call.send(rawAnswer(call.id, predictReply));
  };

  it('is serving once it has started, draining while calls finish, and stopped behind the last one', async () => {
    const held: RawCall[] = [];
    const gateway = await start((call) => held.push(call), {
      shutdown: { graceMs: 0, drainMs: 20_000 },
    });
    assert.equal(gateway.gateway.state, 'serving');
    const asked = predict(gateway);
    await waitFor(() => held.length > 0, 5000, 'the call at the backend');
    const ended = gateway.gateway.drain();
    assert.equal(gateway.gateway.state, 'draining');
    assert.match(await readiness(gateway), /^503 [^]*draining/);
    await gateway.gateway.drain();
    assert.equal(gateway.gateway.state, 'draining', 'a second drain is no end of the first one');
    for (const call of held) answer(call);
    assert.equal(await asked, 'answered');
    await ended;
    assert.equal(gateway.gateway.state, 'stopped');
  });

  it('stops at once, whatever is under way, and does so once', async () => {
    const held: RawCall[] = [];
    const gateway = await start((call) => held.push(call));
    const asked = predict(gateway);
    await waitFor(() => held.length > 0, 5000, 'the call at the backend');
    const [first, second] = [gateway.gateway.stop(), gateway.gateway.stop()];
    assert.equal(first, second);
    assert.equal(gateway.gateway.state, 'stopped');
    await first;
    assert.match(await asked, /UNAVAILABLE|CANCELLED|INTERNAL/);
  });

  it('refuses a reload behind its stop, and undoes one that was under way', async () => {
    const gateway = await start(answer);
    const under = gateway.configure({ rest: { maxBodyBytes: 2 ** 20 } });
    const stopped = gateway.gateway.stop();
    await assert.rejects(under, /the gateway has stopped/);
    await stopped;
    await assert.rejects(gateway.configure({}), /the gateway has stopped/);
  });

  it('closes what it has opened when something else cannot be', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    ends.push(() => taken.close());
    const { port } = taken.address() as { port: number };
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port: restPort } = free.address() as { port: number };
    free.close();
    await once(free, 'close');
    const backend = await startRawBackend({ onCall: answer });
    ends.push(() => {
      backend.close();
    });
    await assert.rejects(startTestGateway([backend.url], {}, { restPort, grpcPort: port }), {
      code: 'EADDRINUSE',
    });
    // the port of the listener that was open is free again
    const again = createServer().listen(restPort, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });
});
