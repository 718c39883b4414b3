/**
 * A backend that has left: its calls may end, and end with an error when its connection gives no sign of life any
 * more.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, it } from 'node:test';
import { Code, StatusError } from '../../../src/base/status.ts';
import { never } from '../../../src/call/index.ts';
import { createGrpcTransport } from '../../../src/fleet/connection/grpc-transport.ts';
import { settings, unaryCall, waitFor } from '../../support/index.ts';
import { optionsOf } from '../options.ts';

describe('a backend that has left', () => {
  it('is still looked at for hung connections, so that a call without a deadline ends', async (t) => {
    // it has begun to speak HTTP/2, and answers nothing from then on
    const server = createServer((socket) => {
      socket.on('error', () => undefined).resume();
      socket.write(settings());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const options = optionsOf([]);
    const transport = createGrpcTransport(
      { name: 'b', host: '127.0.0.1', port, api: 'tfs' },
      { ...options, connection: { ...options.connection, hungAfterMs: 100 } },
      {
        events: { onLost: () => undefined, onQueue: () => undefined, onLimit: () => undefined },
        clock: () => performance.now(),
      },
    );
    t.after(() => {
      transport.close(false);
      server.close();
    });
    await transport.connect();
    let ended: unknown;
    transport.send(unaryCall(new Uint8Array(1), { deadline: never })).catch((reason: unknown) => {
      ended = reason;
    });
    transport.close(true);
    const error = await waitFor(() => ended, 20_000, 'the end of the call');
    assert.ok(error instanceof StatusError && error.lostConnection !== undefined);
    assert.equal(error.code, Code.UNAVAILABLE);
  });
});
