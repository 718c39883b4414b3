/**
 * However calls end on the ways that rebuild, copy or pass on their bytes, nothing stays in the account: random
 * calls, clients and backends.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { emptied, heldBytes, sumOf } from '../support/held.ts';
import { inferMessage } from '../support/model-answers.ts';
import {
  dataFrames,
  frame,
  framed,
  grpcHeaders,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictReply,
  rawAnswer,
  type RawCall,
  RawClient,
  resetSocket,
  rst,
  startRawBackend,
  startTestGateway,
  windowUpdate,
} from '../support/index.ts';
import { type RandomBelow, seededBelow } from '../support/random.ts';

const seed = Number(process.env.TENSORGATE_SEED ?? 20_261_128);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A model server over gRPC that answers, fails, breaks off, stalls or dies. */
function behave(call: RawCall, random: RandomBelow): void {
  const { id } = call;
  const part = dataFrames(id, new Uint8Array(2 ** 20)).subarray(0, 20 * (16_384 + 9));
  const fates: readonly (() => void)[] = [
    () => call.send(rawAnswer(id, predictReply)),
    () =>
      call.send(headers(id, [':status', '200', 'content-type', 'application/grpc', 'grpc-status', '14'], 5)),
    () => call.send(grpcHeaders(id), part, rst(id, 2)),
    () => call.send(grpcHeaders(id), part),
    () => call.send(rst(id, 7)),
    () => call.socket.destroy(),
    () => undefined,
  ];
  fates[random(3) === 0 ? random(fates.length) : 0]?.();
}

const info = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: '-1' }] } };
const v2 = { name: 'x', datatype: 'FP32', shape: [-1] };

/** The same over HTTP, in both APIs. */
function behaveHttp(request: IncomingMessage, response: ServerResponse, random: RandomBelow): void {
  const path = request.url ?? '';
  const json = (value: unknown): void => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(value));
  };
  if (request.method === 'GET') {
    const signature = { inputs: { x: info }, outputs: { y: info } };
    if (path.endsWith('/metadata'))
      json({
        model_spec: { name: 'm', version: '1' },
        metadata: { signature_def: { signature_def: { serving_default: signature } } },
      });
    else if (path.startsWith('/v1'))
      json({ model_version_status: [{ version: '1', state: 'AVAILABLE', status: { error_code: 'OK' } }] });
    else
      json({ name: 'm', versions: ['1'], extensions: ['binary_tensor_data'], inputs: [v2], outputs: [v2] });
    return;
  }
  const reads = random(4) > 0;
  if (reads) request.resume();
  const fates: readonly (() => void)[] = [
    () => request.once('end', () => json(path.startsWith('/v1') ? { outputs: [1.5] } : { outputs: [] })),
    () => json({ error: 'early' }),
    () => response.writeHead(500).end('{"error":"broken"}'),
    () => response.write('['.padEnd(200_000)),
    () => response.write('['.padEnd(200_000), () => request.socket.destroy()),
    () => request.socket.destroy(),
    () => undefined,
  ];
  fates[random(3) === 0 ? random(fates.length) : 0]?.();
}

it(`returns to 0 after every kind of end (TENSORGATE_SEED=${seed})`, { timeout: 120_000 }, async (t) => {
  const random = seededBelow(seed);
  const own = (): RandomBelow => seededBelow(random(2 ** 31));
  const backendRandom = own();
  const backends = await Promise.all(
    [0, 1, 2].map(() => startRawBackend({ onCall: (call) => behave(call, backendRandom) })),
  );
  const server = createServer((...asked) => {
    behaveHttp(...asked, backendRandom);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const http = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const never = { ejection: { consecutiveErrors: 0, failurePercent: 0 } };
  const gateway = await startTestGateway([backends[0]?.url ?? '', backends[1]?.url ?? ''], {
    // small enough that the limit is met now and then
    limits: { memoryBytes: 16 * 2 ** 20 },
    doors: { writeTimeoutMs: 1500, bodyTimeoutMs: 1500 },
    deadlines: { defaultMs: 3000, maxMs: 3000 },
    grpc: { passthrough: true },
    fleets: {
      default: never,
      shadow: { backends: [backends[2]?.url], ...never },
      rest: { backends: [`tfs+http://${http}`], ...never },
      v2: { backends: [`kserve+http://${http}`], ...never },
      generative: { backends: [`http://${http}`], health: { path: '/v2' } },
    },
    models: {
      mirrored: { mirror: { model: 'shadowed' } },
      shadowed: { fleet: 'shadow' },
      rest: { fleet: 'rest' },
      v2: { fleet: 'v2' },
    },
    proxy: { routes: [{ prefix: '/v3', fleet: 'generative' }], idleTimeoutMs: 2000, headersTimeoutMs: 2000 },
  });
  t.after(async () => {
    await gateway.stop();
    for (const backend of backends) backend.close();
    server.close();
    server.closeAllConnections();
  });

  const models = ['mirrored', 'rest', 'v2', 'half_plus_two', 'nobody_has_this'];
  function anyCall(pick: RandomBelow): { fields: string[]; body: Buffer } {
    const model = models[pick(models.length)] ?? '';
    const floats = [1, 1000, 50_000, 200_000][pick(4)] ?? 1;
    const more = pick(4) === 0 ? ['grpc-timeout', `${pick(60)}m`] : [];
    const asJson = (path: string): string[] =>
      predictFields([], path).map((text) => (text === 'application/grpc' ? 'application/json' : text));
    const kind = pick(6);
    if (kind === 0) return { fields: asJson('/v3/chat'), body: Buffer.alloc(floats * 4) };
    if (kind === 1)
      return {
        fields: asJson(`/v1/models/${model}:predict`),
        body: Buffer.from(`{"instances":[${'1.25,'.repeat(Math.min(floats, 180_000))}1]}`),
      };
    if (kind === 2)
      return { fields: predictFields(more, '/some.Service/Method'), body: framed(Buffer.alloc(floats * 4)) };
    const infer = pick(2) === 0;
    const path = infer ? '/inference.GRPCInferenceService/ModelInfer' : undefined;
    const message = infer ? inferMessage(model, floats) : predictMessage(model, floats);
    const coding = ['gzip', 'deflate', 'identity', 'identity'][pick(4)] ?? 'identity';
    const fields = predictFields([...more, 'grpc-encoding', coding], path);
    if (coding === 'identity') return { fields, body: framed(message) };
    const squeezed = coding === 'gzip' ? gzipSync(message) : deflateSync(message);
    return { fields, body: framed(pick(8) === 0 ? squeezed.subarray(0, squeezed.length / 2) : squeezed, 1) };
  }

  async function connection(pick: RandomBelow): Promise<void> {
    const window = [0, 1000, 2 ** 24][pick(3)] ?? 0;
    const client = await RawClient.open(gateway.grpc, [[4, window]]);
    client.send(windowUpdate(0, 2 ** 26));
    if (pick(4) === 0) client.socket.pause();
    for (let i = 0; i < 6; i++) {
      const id = 2 * i + 1;
      const { fields, body } = anyCall(pick);
      client.send(headers(id, fields));
      const most = pick(4) === 0 ? pick(body.length) : body.length;
      for (let at = 0; at < most; at += 16_384) {
        const end = at + 16_384 >= body.length ? h2.END_STREAM : 0;
        client.send(frame(h2.DATA, end, id, body.subarray(at, Math.min(at + 16_384, most))));
        if (pick(20) === 0) await turn();
      }
      if (pick(4) === 0) {
        for (let turns = pick(5); turns > 0; turns--) await turn();
        client.send(rst(id, 8));
      }
    }
    for (let i = pick(60); i > 0; i--) await turn();
    if (pick(5) === 0) resetSocket(client.socket);
    else client.destroy();
  }

  const kinds = new Set<string>();
  for (let round = 0; round < 15; round++) {
    const under = Promise.all(Array.from({ length: 5 }, () => connection(own())));
    for (let looks = 0; looks < 3; looks++) {
      const held = await heldBytes(gateway.admin);
      for (const [kind, bytes] of Object.entries(held)) {
        assert.ok(bytes >= 0, `${kind}: ${bytes}`);
        if (bytes > 0) kinds.add(kind);
      }
      assert.ok(sumOf(held) <= 1.6 * 16 * 2 ** 20, JSON.stringify(held));
    }
    await under;
  }
  for (const kind of ['requests', 'copies', 'rebuilt', 'mirrors', 'tensors'])
    assert.ok(kinds.has(kind), `nothing was ever held as ${kind}`);
  // a copy for a mirror waits longer for its answer than anybody here
  backends[2]?.close();
  await emptied(gateway.admin);
});
