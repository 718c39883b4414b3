/**
 * Clients that shake hands anew on an open TLS 1.2 connection: each costs a signature, so it is cut off, and nobody
 * beside notices.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { makeCertificates, preface, settings, startTestGateway, type TestGateway } from '../support/index.ts';

describe('TLS renegotiation', () => {
  let fleet: DemoFleet;
  let gateway: TestGateway;
  let ca: Buffer;
  before(async () => {
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const file = await makeCertificates('door');
    ca = readFileSync(file('ca.pem'));
    gateway = await startTestGateway(
      fleet.backends.map(({ url }) => url),
      { doors: { tls: { cert: file('door.pem'), key: file('door.key') } } },
    );
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
  });

  async function open(
    address: string,
    protocol: string,
    maxVersion: 'TLSv1.2' | 'TLSv1.3',
  ): Promise<TLSSocket> {
    const [host, port] = address.split(':') as [string, string];
    const socket = connect({
      ...{ host, port: Number(port), ca, servername: 'localhost' },
      ...{ ALPNProtocols: [protocol], maxVersion },
    });
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    return socket;
  }

  /** Renegotiates until it cannot any more; gives how often that was. */
  async function renegotiateForEver(socket: TLSSocket): Promise<number> {
    for (let times = 0; ; times++) {
      const failed = await new Promise<boolean>((resolve) => {
        socket.once('close', () => {
          resolve(true);
        });
        // it is false when the socket is gone already
        if (
          !socket.renegotiate({}, (error) => {
            resolve(error !== null);
          })
        )
          resolve(true);
      });
      if (failed || times > 50) return times;
    }
  }

  const get = 'GET /v1/models/half_plus_two HTTP/1.1\r\nhost: x\r\n\r\n';

  for (const [protocol, greeting] of [
    ['http/1.1', Buffer.from(get)],
    ['h2', Buffer.concat([preface, settings()])],
  ] as const) {
    for (const door of ['rest', 'grpc'] as const) {
      it(`over ${protocol} at the ${door} door ends the connection, and others go on`, async () => {
        const other = await open(gateway[door], protocol, 'TLSv1.2');
        const socket = await open(gateway[door], protocol, 'TLSv1.2');
        const closed = once(socket, 'close');
        socket.write(greeting);
        await once(socket, 'data');
        // one may end before its end is seen
        assert.ok((await renegotiateForEver(socket)) <= 1);
        socket.resume();
        await closed;
        other.write(greeting);
        await once(other, 'data');
        other.destroy();
      });
    }
  }

  it('has no counterpart in TLS 1.3: keys are updated as often as a client likes', async () => {
    const socket = await open(gateway.rest, 'http/1.1', 'TLSv1.3');
    socket.write(get);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
    socket.destroy();
  });
});
