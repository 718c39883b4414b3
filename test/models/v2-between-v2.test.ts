/**
 * V2 clients before V2 servers of the other transport: what the server decides, and what the client says, stays as it
 * is.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Inference, ModelServer } from '../../src/bridge/index.ts';
import type { RestAsk } from '../../src/bridge/index.ts';
import { v2RestServer } from '../../src/bridge/index.ts';
import { v2Dialect, v2Server } from '../../src/bridge/index.ts';
import {
  type Chunks,
  decodeModelInferRequest,
  decodeModelInferResponse,
  encodeModelInferRequest,
  encodeModelInferResponse,
  joined,
  type NamedChunks,
  noParameters,
  type V2InferRequest,
} from '../../src/codec/index.ts';
import { VersionNames } from '../../src/models/version-names.ts';
import { limits } from '../codec/json/support.ts';

const int = (value: number): NamedChunks =>
  new Map([['x', { dtype: 'int8', shape: [1], pieces: [Uint8Array.of(value)] }]]);
const text: NamedChunks = new Map([['x', { dtype: 'string', shape: [], values: [[Uint8Array.of(0x61)]] }]]);

function request(more: Partial<V2InferRequest> = {}): V2InferRequest {
  const none = { model: 'm', version: '', id: '', parameters: noParameters, inputParameters: new Map() };
  return { ...none, inputs: int(1), outputs: [], ...more };
}

/** Outputs in this order. */
const answered: NamedChunks = new Map(
  ['b', 'a', 'c'].map((name) => [name, { dtype: 'int8', shape: [1], pieces: [Uint8Array.of(7)] }]),
);
const wanted = ['a', 'b'].map((name) => ({ name, parameters: noParameters }));

const grpcReply = joined(
  encodeModelInferResponse({
    model: 'm',
    version: '1',
    id: '',
    parameters: noParameters,
    outputs: answered,
    outputParameters: new Map(),
  }),
);
const restReply = {
  model_name: 'm',
  outputs: [...answered.keys()].map((name) => ({ name, datatype: 'INT8', shape: [1], data: [7] })),
};
const tensors = { limits, strictDtypes: false, maxTensorBytes: 9999 };

/** What was asked, whichever way. */
function grpcServer(asked: Chunks[]): ModelServer {
  return v2Server(
    (_method, message) => {
      asked.push(message instanceof Uint8Array ? [message] : message);
      return Promise.resolve([grpcReply]);
    },
    new VersionNames(),
    9999,
  );
}
function restServer(asked: string[], listOutputs = true): ModelServer {
  const ask: RestAsk = ({ body = [] }) => {
    asked.push(joined(body).toString());
    return Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(restReply)) });
  };
  return v2RestServer(ask, {
    where: 'here',
    names: new VersionNames(),
    tensors,
    abilities: () => Promise.resolve({ binary: false, listOutputs, strictJson: false, extensions: [] }),
    speaksV1: () => Promise.resolve(false),
  });
}

async function throughDoor(server: ModelServer, asked: V2InferRequest): Promise<string[]> {
  const answer = v2Dialect.calls.get('ModelInfer');
  assert.ok(answer !== undefined);
  const message = encodeModelInferRequest(asked);
  const reply = await answer(message, server, { maxBytes: 9999 });
  return [...decodeModelInferResponse(reply).outputs.keys()];
}

describe('V2 between V2’s transports', () => {
  it('leaves outputs and their order to a server that is told which are wanted', async () => {
    for (const server of [grpcServer([]), restServer([])])
      assert.deepEqual(await throughDoor(server, request({ outputs: wanted })), ['b', 'a', 'c']);
  });

  it('picks the wanted ones where the server is not told', async () => {
    const asked: string[] = [];
    assert.deepEqual(await throughDoor(restServer(asked, false), request({ outputs: wanted })), ['a', 'b']);
    assert.doesNotMatch(asked[0] ?? '', /outputs/);
  });

  it('picks them before servers of another API', async () => {
    const other = { ...grpcServer([]), v2: undefined };
    assert.deepEqual(await throughDoor(other, request({ outputs: wanted })), ['a', 'b']);
  });

  it('keeps a string without a dimension, which only other APIs’ clients send for a list of one', async () => {
    const asked: Chunks[] = [];
    const rest: string[] = [];
    await throughDoor(grpcServer(asked), request({ inputs: text }));
    await throughDoor(restServer(rest), request({ inputs: text }));
    assert.deepEqual(decodeModelInferRequest(asked[0] ?? []).inputs.get('x')?.shape, []);
    assert.match(rest[0] ?? '', /"shape":\[\]/);
    const inference: Inference = {
      ...request({ inputs: text }),
      target: { model: 'm', signature: '' },
      version: undefined,
    };
    await grpcServer(asked).infer(inference);
    assert.deepEqual(decodeModelInferRequest(asked[1] ?? []).inputs.get('x')?.shape, [1]);
  });
});
