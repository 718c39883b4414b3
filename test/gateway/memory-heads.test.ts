/**
 * Request heads are held as long as their calls last: large ones stand in the account, and are refused when there is
 * no room.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { emptied, heldBytes, holding, sumOf } from '../support/held.ts';
import {
  fieldOf,
  frame,
  h2,
  hpackLiterals,
  predictFields,
  RawClient,
  type RawBackend,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
} from '../support/index.ts';

const limit = 16 * 2 ** 20;

/** A call without a body, whose head takes 58 KB. */
function call(id: number, fields: readonly string[]): Buffer {
  const block = hpackLiterals([...fields, 'x-large', randomBytes(29_000).toString('hex')]);
  const parts: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_384) {
    const last = at + 16_384 >= block.length ? h2.END_HEADERS : 0;
    parts.push(frame(at === 0 ? h2.HEADERS : h2.CONTINUATION, last, id, block.subarray(at, at + 16_384)));
  }
  return Buffer.concat(parts);
}

describe('large request heads', () => {
  let backend: RawBackend;
  let gateway: TestGateway;
  before(async () => {
    backend = await startRawBackend({ onCall: () => undefined });
    gateway = await startTestGateway([backend.url], { limits: { memoryBytes: limit } });
  });
  after(async () => {
    await gateway.stop();
    backend.close();
  });

  const rest = predictFields([], '/v1/models/half_plus_two:predict').map((text) =>
    text === 'application/grpc' ? 'application/json' : text,
  );
  for (const [door, fields] of [
    ['gRPC', predictFields()],
    ['gRPC-Web', predictFields().map((text) => (text === 'application/grpc' ? `${text}-web` : text))],
    ['JSON', rest],
  ] as const) {
    it(`${door}: are counted, bounded, and given back however their calls end`, async () => {
      const clients: RawClient[] = [];
      for (let c = 0; c < 2; c++) {
        const client = await RawClient.open(gateway.grpc);
        clients.push(client);
        for (let i = 0; i < 200; i++) assert.ok(await client.flush(call(2 * i + 1, fields)));
      }
      const bytes = await holding(gateway.admin, limit * 0.95);
      assert.ok(bytes < limit * 1.1, `${bytes} bytes of ${limit}`);
      const refused = (): number =>
        clients
          .flatMap((client) => [...client.answers.values()])
          .filter((answer) => {
            const web = Buffer.concat(answer.body).toString('latin1').includes('grpc-status: 8');
            return web || fieldOf(answer, 'grpc-status') === '8' || fieldOf(answer, ':status') === '429';
          }).length;
      await waitFor(() => refused() > 50, 5000, 'refusals');
      // one is reset by its client, the others lose their connection
      const before_ = sumOf(await heldBytes(gateway.admin));
      clients[0]?.send(frame(h2.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])));
      await waitFor(
        async () => sumOf(await heldBytes(gateway.admin)) < before_ - 50_000,
        5000,
        'less than before',
      );
      for (const client of clients) client.destroy();
      await emptied(gateway.admin);
    });
  }
});
