/**
 * Requests that are answered before they are here, and go on: the first answer stays, the rest of the request is
 * thrown away.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { framed, predictMessage, predictPath, startVictim, type Victim } from '../support/index.ts';

describe('requests that are answered early', () => {
  let fleet: DemoFleet;
  let victim: Victim;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    victim = await startVictim(
      fleet.backends.map(({ url }) => url),
      { doors: { keepAliveTimeoutMs: 400, headersTimeoutMs: 600 } },
    );
  });
  after(async () => {
    await victim.stop();
    await fleet.stop();
  });

  /** Everything that comes back until the gateway closes. @param pieces each in a packet of its own */
  function talk(pieces: readonly (string | Buffer)[]): Promise<string> {
    const [host, port] = victim.rest.split(':') as [string, string];
    return new Promise((resolve) => {
      let text = '';
      const socket = connect({ host, port: Number(port), noDelay: true });
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      socket.on('error', () => undefined);
      socket.on('close', () => {
        resolve(text);
      });
      let at = 0;
      const next = (): void => {
        const piece = pieces[at++];
        if (piece !== undefined) socket.write(piece, () => setImmediate(next));
      };
      socket.once('connect', next);
    });
  }
  const heads = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 \d{3} /g)].map(([head]) => head);

  const message = framed(predictMessage());
  const text = message.toString('base64');
  // what the first answer is given for, and what comes behind it
  const early = [
    ['grpc-timeout that is none', 'grpc-timeout: x\r\n', predictPath],
    ['a method that takes one message, and two came', '', predictPath],
    ['an unknown service', 'grpc-timeout: x\r\n', '/a.B/C'],
  ] as const;
  const bodies = [
    ['base64 that is none', 'application/grpc-web-text', '!!!!'],
    ['half a base64 group', 'application/grpc-web-text', `${text}${text}A`],
    ['frames that are none', 'application/grpc-web', '\u0007\u0007\u0007\u0007\u0007\u0007\u0007'],
    ['two messages', 'application/grpc-web+proto', Buffer.concat([message, message]).toString('latin1')],
  ] as const;
  // how a request gets to each of the two HTTP/1.1 ends: node:http has those of HTTP/1.0, and of a connection that a
  // HEAD began
  const ways = [
    ['HTTP/1.0', '', '1.0'],
    ['HTTP/1.1', '', '1.1'],
    ['HTTP/1.1 behind a HEAD', 'HEAD /v1/models/half_plus_two HTTP/1.1\r\nHost: x\r\n\r\n', '1.1'],
  ] as const;

  for (const [way, first, version] of ways)
    for (const [why, fields, path] of early)
      for (const [what, type, body] of bodies)
        it(`${way}, ${why}, then ${what}: one answer`, { timeout: 10_000 }, async () => {
          const bystander = await victim.bystander();
          const head = `POST ${path} HTTP/${version}\r\nHost: x\r\nConnection: close\r\nContent-Type: ${type}\r\n${fields}`;
          const whole = `${first}${head}Content-Length: ${body.length}\r\n\r\n`;
          const answers = [
            await talk([Buffer.from(whole + body, 'latin1')]),
            await talk([
              whole,
              Buffer.from(body.slice(0, 3), 'latin1'),
              Buffer.from(body.slice(3), 'latin1'),
            ]),
          ];
          // before anything is judged: a bystander that goes on would keep the file from its end
          const { failures } = await bystander.stop();
          for (const answer of answers) {
            assert.equal(heads(answer).length, first === '' ? 1 : 2, answer);
            // in text mode the status is a part of the base64 body
            const inText = /\r\n([A-Za-z0-9+/]{40,}=*)(?:\r\n|$)/.exec(answer)?.[1] ?? '';
            const said = answer + Buffer.from(inText, 'base64').toString('latin1');
            assert.match(said, /grpc-status: ?[1-9]/, said);
          }
          assert.deepEqual(failures, []);
          victim.alive();
        });
});
