/** A backend over gRPC: its connections, and the bridge for calls in an API that it does not speak. */
import { type Api, type Call, type Clock, type Reply, StatusError } from '../../call/index.ts';
import type { BackendAddress, FleetOptions } from '../options.ts';
import { Speech } from './speech.ts';
import { Pool } from './pool.ts';
import { RequestHeads } from './request-head.ts';
import type { OnOver, Transport, TransportEvents } from './transport.ts';
import { sendCall } from './upstream.ts';

const ignore: OnOver = () => undefined;

export function createGrpcTransport(
  address: BackendAddress & { readonly api: 'detect' | 'tfs' | 'kserve' },
  options: FleetOptions,
  { events, clock }: { readonly events: TransportEvents; readonly clock: Clock },
): Transport {
  const pool = new Pool(
    address,
    options.connection,
    {
      ...events,
      onLost(reason) {
        speech.forget();
        events.onLost(reason);
      },
    },
    clock,
  );
  const heads = new RequestHeads(address.name, address.tls !== undefined);

  async function direct(call: Call, onOver = ignore): Promise<Reply> {
    const acquired = pool.acquire();
    const client = acquired instanceof Promise ? await untilCancelled(call, acquired) : acquired;
    const headers = heads.of(call.method, call.metadata);
    return sendCall(call, { client, headers, where: address.name, clock, onOver });
  }

  const speech = new Speech(
    {
      api: address.api,
      timeoutMs: options.health.timeoutMs,
      maxControlBytes: options.maxControlBytes,
      maxMessageBytes: options.maxMessageBytes,
      encoding: options.encoding,
    },
    { send: direct, name: address.name, clock },
  );

  return {
    get connections() {
      return pool.connections;
    },
    get streamLimit() {
      return pool.streamLimit;
    },
    get apis(): readonly Api[] {
      return speech.apis;
    },
    async send(call, onOver = ignore) {
      const bridge = speech.bridgeFor(call.method);
      if (bridge === undefined) return direct(call, onOver);
      const reply = await bridge(call);
      reply.body.whenDone((error) => {
        onOver(error, reply.body.trailers);
      });
      return reply;
    },
    async connect() {
      await pool.acquire();
      await speech.known();
    },
    forget() {
      speech.forget();
    },
    watch() {
      pool.watch();
    },
    close(graceful) {
      pool.close(graceful);
    },
  };
}

/** Waiting for a connection ends with the call. */
function untilCancelled<T>(call: Call, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = call.cancellation.onCancel(reject);
    promise.then(
      (value) => {
        stop();
        resolve(value);
      },
      (reason: unknown) => {
        stop();
        reject(StatusError.from(reason));
      },
    );
  });
}
