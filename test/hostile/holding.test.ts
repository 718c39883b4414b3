/**
 * Clients that hold by doing nothing: bodies that never come, silent streams, many connections. Everybody else is
 * served all the while.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import {
  fieldOf,
  frame,
  framed,
  type GenerativeServer,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictReply,
  rawAnswer,
  type RawBackend,
  RawClient,
  startGenerativeServer,
  startRawBackend,
  startVictim,
  type Victim,
  waitFor,
} from '../support/index.ts';

/** Four million bytes are announced. */
const announced = framed(predictMessage('half_plus_two', 1_000_000));
const streamPath = '/inference.GRPCInferenceService/ModelStreamInfer';

const inFlight = async (victim: Victim): Promise<number> =>
  [...(await victim.metrics()).matchAll(/backend_in_flight\{[^}]*\} (\d+)/g)].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );
const current = async (victim: Victim): Promise<number> =>
  [
    ...(await victim.metrics()).matchAll(/tensorgate_current_requests\{interface="gRPC"[^}]*\} (\d+)/g),
  ].reduce((sum, [, value]) => sum + Number(value), 0);

async function attackers(t: TestContext, victim: Victim, count: number): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.open(victim.grpc)));
  t.after(() => {
    for (const client of clients) client.destroy();
  });
  return clients;
}

describe('holding by doing nothing', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two', 'echo'] });
    victim = await startVictim([], {
      fleets: {
        default: {
          backends: fleet.backends.map(({ url }) => url),
          concurrency: { maxInFlight: 8, maxStreams: 20 },
        },
      },
      hedge: { enabled: false },
      deadlines: { streamIdleMs: 60_000 },
    });
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  /** Everybody else is served while `attack` holds on. */
  async function othersAreServed(t: TestContext, during: () => Promise<unknown>): Promise<void> {
    const bystander = await victim.bystander();
    let stopped = false;
    t.after(() => (stopped ? undefined : bystander.stop()));
    await during();
    const { calls, failures } = await bystander.stop();
    stopped = true;
    assert.deepEqual(failures, []);
    assert.ok(calls > 20, `${calls} calls`);
    victim.alive();
  }
  const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1500));

  it('200 calls that send 100 bytes of four million take no place', async (t) => {
    const [one, two] = await attackers(t, victim, 2);
    await othersAreServed(t, async () => {
      for (let i = 0; i < 100; i++) {
        for (const client of [one, two])
          client?.send(
            headers(2 * i + 1, predictFields()),
            frame(h2.DATA, 0, 2 * i + 1, announced.subarray(0, 100)),
          );
      }
      await waitFor(async () => (await current(victim)) >= 200, 5000, 'the calls');
      await moment();
    });
  });

  it('questions about models and services without a body take none either', async (t) => {
    const [client] = await attackers(t, victim, 1);
    await othersAreServed(t, async () => {
      for (let i = 0; i < 200; i++) {
        const path = i % 2 === 0 ? '/inference.GRPCInferenceService/ServerMetadata' : streamPath;
        client?.send(headers(2 * i + 1, predictFields([], path)));
      }
      await waitFor(async () => (await current(victim)) >= 100, 5000, 'the calls');
      await moment();
      assert.ok((await inFlight(victim)) <= 2);
    });
  });

  it('calls that stop after 100 KB, or drip on, give their places back as soon as others wait', async (t) => {
    const limited = (await victim.limited())['slow body'] ?? 0;
    const [client] = await attackers(t, victim, 1);
    for (let i = 0; i < 8; i++) {
      const id = 2 * i + 1;
      client?.send(headers(id, predictFields()));
      for (let at = 0; at < 100_000; at += 16_384)
        client?.send(frame(h2.DATA, 0, id, announced.subarray(at, at + 16_384)));
    }
    await waitFor(async () => (await inFlight(victim)) === 8, 5000, 'the calls at the backend');
    const dripping = setInterval(() => {
      for (let i = 0; i < 4; i++) client?.send(frame(h2.DATA, 0, 2 * i + 1, Buffer.alloc(100)));
    }, 100);
    t.after(() => {
      clearInterval(dripping);
    });
    // some of the first ones may come before the pace is known
    await waitFor(
      async () => {
        const other = await RawClient.open(victim.grpc);
        other.send(headers(1, predictFields()), frame(h2.DATA, h2.END_STREAM, 1, framed(predictMessage())));
        const answer = await other.untilEnd(1);
        other.destroy();
        return fieldOf(answer, 'grpc-status') === '0';
      },
      5000,
      'a place',
    );
    await othersAreServed(t, moment);
    const answer = await (client as RawClient).untilEnd(1);
    assert.equal(fieldOf(answer, 'grpc-status'), '4');
    assert.match(fieldOf(answer, 'grpc-message') ?? '', /too slow/);
    assert.ok(((await victim.limited())['slow body'] ?? 0) > limited);
  });

  it('250 silent streams take no place of a call, those of one client make room for another’s, and silence ends them', async (t) => {
    const talk = '/a.B/Talk';
    const backend: RawBackend = await startRawBackend({
      onCall(call) {
        if (call.path !== talk) call.send(rawAnswer(call.id, predictReply));
      },
      early: true,
    });
    t.after(() => {
      backend.close();
    });
    const own = await startVictim([backend.url], {
      fleets: { default: { backends: [backend.url], concurrency: { maxInFlight: 8, maxStreams: 20 } } },
      models: { half_plus_two: {} },
      grpc: { passthrough: true },
      hedge: { enabled: false },
      deadlines: { streamIdleMs: 4000 },
    });
    t.after(() => own.stop());
    const [one, two] = (await attackers(t, own, 2)) as [RawClient, RawClient];
    const served = async (): Promise<void> => {
      const client = await RawClient.open(own.grpc);
      client.send(headers(1, predictFields()), frame(h2.DATA, h2.END_STREAM, 1, framed(predictMessage())));
      const answer = await client.untilEnd(1);
      client.destroy();
      assert.equal(fieldOf(answer, 'grpc-status'), '0');
    };
    for (let i = 0; i < 250; i++) one.send(headers(2 * i + 1, predictFields([], talk)));
    await waitFor(async () => ((await own.limited())['backend streams'] ?? 0) >= 230, 5000, 'refusals');
    await waitFor(async () => (await inFlight(own)) === 20, 5000, 'the streams');
    for (let i = 0; i < 10; i++) await served();
    // the same address, another connection
    two.send(headers(1, predictFields([], talk)));
    const said = (text: string): RegExp => new RegExp(text);
    const told = (text: string): boolean =>
      [...one.answers.values()].some((answer) => said(text).test(fieldOf(answer, 'grpc-message') ?? ''));
    await waitFor(() => told('another client'), 5000, 'a stream that gives its place up');
    assert.equal(two.answer(1).ended, false);
    await waitFor(async () => (await inFlight(own)) === 0, 15_000, 'the end of the silent ones');
    assert.ok(told('silent for 4000 ms'));
  });

  it('one client may use everything alone, and shares it with one that comes', async (t) => {
    // the backend's answers are slow enough here, since nobody answers
    const slow: RawBackend = await startRawBackend({ onCall: () => undefined });
    t.after(() => {
      slow.close();
    });
    const shared = await startVictim([slow.url], {
      fleets: { default: { backends: [slow.url], concurrency: { maxInFlight: 4 } } },
      models: { half_plus_two: {} },
      queue: { maxLength: 6, maxWaitMs: 60_000 },
      hedge: { enabled: false },
    });
    t.after(() => shared.stop());
    const [much, little] = await attackers(t, shared, 2);
    const call = (id: number): Buffer =>
      Buffer.concat([
        headers(id, predictFields(['grpc-timeout', '200S'])),
        frame(h2.DATA, h2.END_STREAM, id, framed(predictMessage())),
      ]);
    for (let i = 0; i < 12; i++) much?.send(call(2 * i + 1));
    await waitFor(() => slow.calls.length === 4, 5000, 'all places');
    await waitFor(
      async () => /queued_requests\{[^}]*\} 6\n/.test(await shared.metrics()),
      5000,
      'all of the line',
    );
    little?.send(call(1));
    await waitFor(async () => ((await shared.limited()).queue ?? 0) >= 3, 5000, 'a refusal');
    assert.equal(little?.answer(1).ended, false);
    // a place is there: the turn after the next at the latest is the newcomer's
    much?.send(frame(h2.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])));
    await waitFor(() => slow.calls.length === 5, 5000, 'the next call');
    much?.send(frame(h2.RST_STREAM, 0, 3, Buffer.from([0, 0, 0, 8])));
    await waitFor(() => slow.calls.length === 6, 5000, 'the one after it');
    little?.send(frame(h2.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])));
    // only a call that is there can be reset there
    await waitFor(() => slow.resets === 3, 5000, 'the reset');
  });

  it('holds nothing of all that', async () => {
    await waitFor(
      async () => (await inFlight(victim)) === 0 && (await current(victim)) === 0,
      5000,
      'nothing',
    );
  });
});

describe('holding below /v3', () => {
  let generative: GenerativeServer;
  let victim: Victim;
  before(async () => {
    generative = await startGenerativeServer();
    victim = await startVictim([generative.url], {
      proxy: { maxInFlight: 8 },
      doors: { bodyTimeoutMs: 6000 },
    });
  });
  after(async () => {
    await victim.stop();
    await generative.close();
  });

  const post = (bytes: number): string =>
    `POST /v3/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`;
  interface Attacker {
    readonly socket: Socket;
    text: string;
  }
  function attack(t: TestContext, count: number, text: string): Attacker[] {
    const [host, port] = victim.rest.split(':') as [string, string];
    const found = Array.from({ length: count }, () => {
      const attacker: Attacker = { socket: connect({ host, port: Number(port) }), text: '' };
      attacker.socket.on('error', () => undefined);
      attacker.socket.on('data', (chunk: Buffer) => (attacker.text += chunk.toString('latin1')));
      attacker.socket.write(text);
      return attacker;
    });
    t.after(() => {
      for (const { socket } of found) socket.destroy();
    });
    return found;
  }
  const ask = async (): Promise<number> => {
    const answer = await fetch(`http://${victim.rest}/v3/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'tiny-llm', messages: [] }),
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  const underWay = async (): Promise<number> =>
    Number(/proxy_current_requests\{[^}]*\} (\d+)/.exec(await victim.metrics())?.[1] ?? 0);

  it('bodies of which a byte is here take no place, and are told so in the end', async (t) => {
    const sockets = attack(t, 60, `${post(1000)}{`);
    await waitFor(async () => (await underWay()) === 60, 5000, 'the requests');
    for (let i = 0; i < 20; i++) assert.equal(await ask(), 200);
    assert.equal(await inFlight(victim), 0);
    await waitFor(() => sockets.every(({ text }) => /^HTTP\/1\.1 408 /.test(text)), 15_000, 'answers');
    assert.match(sockets[0]?.text ?? '', /the request body is too slow/);
  });

  it('bodies that stop or drip after 100 KB give their places back when others want them', async (t) => {
    const sockets = attack(t, 8, post(1_000_000) + ' '.repeat(100_000));
    await waitFor(async () => (await inFlight(victim)) === 8, 5000, 'the requests at the backend');
    const dripping = setInterval(() => {
      for (const { socket } of sockets) if (!socket.destroyed) socket.write(' '.repeat(100));
    }, 100);
    t.after(() => {
      clearInterval(dripping);
    });
    await waitFor(async () => (await ask()) === 200, 5000, 'a place');
    await waitFor(() => sockets.some(({ text }) => /^HTTP\/1\.1 408 /.test(text)), 5000, 'who gave it up');
    assert.ok(((await victim.limited())['slow body'] ?? 0) > 0);
  });

  it('holds nothing of all that', async () => {
    await waitFor(async () => (await underWay()) === 0 && (await inFlight(victim)) === 0, 10_000, 'nothing');
  });
});

describe('connections', () => {
  const open = (address: string): Socket => {
    const [host, port] = address.split(':') as [string, string];
    return connect({ host, port: Number(port) }).on('error', () => undefined);
  };

  for (const [name, trustedProxies, closed] of [
    ['of one address have a bound', [], 7],
    ['of a trusted proxy have none but the door’s', ['127.0.0.0/8'], 0],
  ] as const) {
    it(name, async (t) => {
      const fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
      t.after(() => fleet.stop());
      const victim = await startVictim(
        fleet.backends.map(({ url }) => url),
        { doors: { maxConnectionsPerAddress: 5, trustedProxies } },
      );
      t.after(() => victim.stop());
      const sockets = Array.from({ length: 12 }, () => open(victim.rest));
      t.after(() => {
        for (const socket of sockets) socket.destroy();
      });
      let ended = 0;
      for (const socket of sockets) socket.on('close', () => ended++);
      if (closed > 0) {
        // the first answers of a young process on a small heap take their time beside other tests
        await waitFor(() => ended >= closed, 20_000, 'refusals');
        assert.equal((await victim.limited())['address connections'], closed);
        assert.equal(ended, closed);
      } else {
        const answer = await fetch(`http://${victim.rest}/v1/models/half_plus_two`);
        assert.equal(answer.status, 200);
        assert.equal(ended, 0);
      }
      // whoever goes makes room
      for (const socket of sockets) socket.destroy();
      await waitFor(
        async () =>
          (await fetch(`http://${victim.rest}/v1/models/half_plus_two`).catch(() => undefined))?.status ===
          200,
        5000,
        'room',
      );
    });
  }
});
