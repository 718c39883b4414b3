/**
 * How far a compressed message may inflate where the gateway has to read it is the operator's to say, up to the
 * longest message.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { encodeModelInferRequest } from '../../src/codec/index.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictReply,
  RawClient,
  rawAnswer,
  startRawBackend,
  startTestGateway,
} from '../support/index.ts';

const mebi = 2 ** 20;
/** Two MiB of zeros: a thousandth of it when it is compressed. */
const message = Buffer.concat(
  encodeModelInferRequest({
    model: 'half_plus_two',
    version: '',
    id: '',
    parameters: new Map(),
    inputs: new Map([['x', { dtype: 'uint8', shape: [2 * mebi], pieces: [new Uint8Array(2 * mebi)] }]]),
    inputParameters: new Map(),
    outputs: [],
  }),
);

for (const [grpc, status, text] of [
  [{}, '8', /limit of 1048576 bytes for one that takes \d+ bytes/],
  [{ maxInflateRatio: 2000 }, '0', /^$/],
  [{ maxInflateRatio: 2000, maxMessageBytes: 2 * mebi }, '8', /limit of 2097152 bytes$/],
] as const) {
  it(`a message that inflates a thousand times ends with status ${status} under ${JSON.stringify(grpc)}`, async (t) => {
    const backend = await startRawBackend({
      onCall: (call) => {
        call.send(rawAnswer(call.id, predictReply));
      },
    });
    const gateway = await startTestGateway([backend.url], { grpc });
    const client = await RawClient.open(gateway.grpc);
    t.after(async () => {
      client.destroy();
      await gateway.stop();
      backend.close();
    });
    const path = '/inference.GRPCInferenceService/ModelInfer';
    const body = framed(gzipSync(message), 1);
    client.send(
      headers(1, predictFields(['grpc-encoding', 'gzip'], path)),
      frame(h2.DATA, h2.END_STREAM, 1, body),
    );
    const answer = await client.untilEnd(1);
    assert.equal(fieldOf(answer, 'grpc-status'), status);
    assert.match(fieldOf(answer, 'grpc-message') ?? '', text);
  });
}
