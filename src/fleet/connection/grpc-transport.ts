/** A backend over gRPC: its connections, and the bridge for calls in an API that it does not speak. */
import type { Clock } from '../../base/clock.ts';
import { StatusError } from '../../base/status.ts';
import { type Api, type Call, type Handler, noMetadata, type Reply } from '../../call/index.ts';
import type { Http2Client } from '../../wire/index.ts';
import type { BackendAddress } from '../backend-address.ts';
import type { FleetOptions } from '../options.ts';
import { ApiDetector } from './api-detection.ts';
import { Pool } from './pool.ts';
import { RequestHeads } from './request-head.ts';
import type { OnOver, Transport, TransportEvents } from './transport.ts';
import { sendCall } from './upstream.ts';

const ignore: OnOver = () => undefined;

/**
 * Creates the transport of a gRPC backend: a connection pool that dials on demand, and bridges for calls that the
 * backend cannot take as they are (ApiDetector).
 */
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
        detector.forget();
        events.onLost(reason);
      },
    },
    clock,
  );
  const heads = new RequestHeads(address.name, address.tls !== undefined);

  // no promise beyond those that are needed: each is some hundred nanoseconds of every call (hot: 0020)
  function direct(call: Call, onOver = ignore): Promise<Reply> {
    const client = pool.acquire();
    return client === undefined ? queued(call, onOver) : open(client, call, onOver);
  }

  function open(client: Http2Client, call: Call, onOver: OnOver): Promise<Reply> {
    const headers = heads.of(call.method, call.metadata);
    return sendCall(call, { client, headers, where: address.name, clock, onOver });
  }

  async function queued(call: Call, onOver: OnOver): Promise<Reply> {
    let began = false;
    try {
      return await pool.wait(call.cancellation, (client) => {
        const reply = open(client, call, onOver);
        began = true;
        return reply;
      });
    } catch (reason) {
      // from then on it has told by itself how it ended
      if (began) throw reason;
      return neverBegan(reason, onOver);
    }
  }

  async function bridged(bridge: Handler, call: Call, onOver: OnOver): Promise<Reply> {
    let reply: Reply;
    try {
      reply = await bridge(call);
    } catch (reason) {
      return neverBegan(reason, onOver);
    }
    reply.body.whenDone((error) => {
      onOver(error, reply.body.trailers);
    });
    return reply;
  }

  const detector = new ApiDetector(
    {
      api: address.api,
      timeoutMs: options.health.timeoutMs,
      maxControlBytes: options.maxControlBytes,
      maxMessageBytes: options.maxMessageBytes,
      maxInflateRatio: options.maxInflateRatio,
      encoding: options.encoding,
      json: options.json,
    },
    { send: direct, name: address.name, clock },
  );

  return {
    get connections() {
      return pool.connections;
    },
    get connected() {
      return pool.connections > 0;
    },
    get streamLimit() {
      return pool.streamLimit;
    },
    get apis(): readonly Api[] {
      return detector.apis;
    },
    extensions: () => detector.extensions(),
    versionTexts: (model) => detector.versionTexts(model),
    send(call, onOver = ignore) {
      const bridge = detector.bridgeFor(call.method);
      return bridge === undefined ? direct(call, onOver) : bridged(bridge, call, onOver);
    },
    async connect() {
      await pool.connect();
      await detector.known();
    },
    forget() {
      detector.forget();
    },
    watch() {
      pool.watch();
    },
    close(graceful) {
      pool.close(graceful);
    },
  };
}

function neverBegan(reason: unknown, onOver: OnOver): never {
  const error = StatusError.from(reason);
  onOver(error, noMetadata);
  throw error;
}
