/** One server with addresses in two families: which names it, and that it is reached by the other when that fails. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { type DemoFleet, startDemoFleet } from '../../../src/demo/index.ts';
import { dial } from '../../../src/fleet/connection/dial.ts';
import { ownFamily } from '../../../src/fleet/discovery/families.ts';
import { createHttpClient } from '../../../src/fleet/http/client.ts';
import { httpHealthCheck } from '../../../src/fleet/health/host-check.ts';
import type { BackendAddress } from '../../../src/fleet/backend-address.ts';
import { defaultClientLimits, type Http2Client } from '../../../src/wire/index.ts';
import { makeCertificates, startDns, startTestGateway } from '../../support/index.ts';

/** An address of this machine where nobody listens. */
const dead = '127.0.0.9';

describe('a server with two addresses', () => {
  it('is named in IPv4, unless this machine has IPv6 alone', () => {
    const of = (family: 'IPv4' | 'IPv6', address: string, internal = false) =>
      ({ family, address, internal }) as never;
    const v4 = of('IPv4', '10.0.0.5');
    const v6 = of('IPv6', '2001:db8::5');
    const local = [of('IPv4', '127.0.0.1', true), of('IPv6', '::1', true), of('IPv6', 'fe80::1')];
    assert.equal(ownFamily({ a: [v4, v6] }), 'ipv4');
    assert.equal(ownFamily({ a: [v6], lo: local }), 'ipv6');
    assert.equal(ownFamily({ lo: local, b: undefined }), 'ipv4');
  });

  it('is one backend by DNS, and up by the address that answers', async (t) => {
    const fleet: DemoFleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    t.after(() => fleet.stop());
    const dns = await startDns();
    t.after(() => dns.stop());
    // what the machine has in IPv6 for 127.0.0.1 is there without IPv6, too
    dns.records.set('models.test', [
      { type: 'A', data: dead, ttl: 60 },
      { type: 'AAAA', data: '::ffff:127.0.0.1', ttl: 60 },
    ]);
    const port = fleet.backends[0]?.url.split(':').at(-1);
    const gateway = await startTestGateway([`dns+tfs://models.test:${port}`], {
      fleets: { default: { discovery: { dns: { servers: [dns.address] } } } },
    });
    t.after(() => gateway.stop());
    const url = `http://${gateway.rest}/v1/models/half_plus_two:predict`;
    const answer = await fetch(url, { method: 'POST', body: '{"instances":[1]}' });
    assert.equal(answer.status, 200, await answer.text());
    assert.equal(answer.headers.get('x-served-by'), `${dead}:${port}`);
  });

  it('is reached over HTTP, for calls and for health', async (t) => {
    const server = createServer((request, response) => response.end(request.headers.host)).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    const address: BackendAddress = {
      api: 'tfs+http',
      name: `${dead}:${port}`,
      host: dead,
      alternates: ['127.0.0.1'],
      port,
    };
    const client = createHttpClient(address, 2000);
    t.after(() => {
      client.close(false);
    });
    const { body } = await client.send({
      method: 'GET',
      target: '/',
      headers: {},
      body: undefined,
      signal: new AbortController().signal,
      headersTimeoutMs: 0,
      idleTimeoutMs: 0,
    });
    let text = '';
    for await (const chunk of body as AsyncIterable<Buffer>) text += chunk.toString();
    assert.equal(text, address.name);
    await httpHealthCheck(address, { path: '/', port: 0, timeoutMs: 2000 });
  });

  it('is verified by the address that answered, over TLS', async (t) => {
    const file = await makeCertificates('backend');
    const tls = { cert: file('backend.pem'), key: file('backend.key') };
    const other = await startTestGateway(['tfs://127.0.0.1:1'], { doors: { tls } });
    t.after(() => other.stop());
    const port = Number(other.grpc.split(':')[1]);
    const dialed = (address: Partial<BackendAddress>): Promise<string> =>
      new Promise((resolve) => {
        const ca = readFileSync(file('ca.pem'), 'utf8');
        const whole = { api: 'tfs', name: 'b', host: dead, port, tls: { ca }, ...address } as BackendAddress;
        const ignore = (): void => undefined;
        dial(whole, { connectTimeoutMs: 3000, http2: defaultClientLimits } as never, {
          onReady: (client: Http2Client) => {
            client.destroy();
            resolve('ready');
          },
          onFailed: ({ message }) => {
            resolve(message);
          },
          ...{ onClose: ignore, onGoaway: ignore, onCapacity: ignore, onLimit: ignore },
        });
      });
    assert.equal(await dialed({ alternates: ['127.0.0.1'] }), 'ready');
    assert.match(await dialed({}), /connection refused/);
    // the certificate is for 127.0.0.1, not for its other addresses
    assert.match(
      await dialed({
        alternates: ['::ffff:127.0.0.1'],
        tls: { ca: readFileSync(file('ca.pem'), 'utf8'), serverName: 'other.example' },
      }),
      /altnames/,
    );
    assert.match(await dialed({ alternates: ['127.0.0.8'] }), /refused/);
  });
});
