/**
 * Every member of a V2 message, there and back, in each direction that a conversion can have: none is lost on the
 * way.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Server as GrpcServer, ServerCredentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { startDemoServer } from '../../src/demo/index.ts';
import { startTestGateway, type TestGateway } from '../support/index.ts';
import { overGrpc, overWeb, Refused } from './clients.ts';

type Parameters = Readonly<Record<string, string | number | boolean>>;

/** What a request says, whichever way it says it. Integers as text. */
interface Asked {
  readonly id: string;
  readonly parameters: Parameters;
  readonly inputs: Readonly<Record<string, Parameters>>;
  readonly outputs: Readonly<Record<string, Parameters>>;
}

/** And a reply. */
interface Answered {
  readonly id: string;
  readonly parameters: Parameters;
  readonly outputs: Readonly<Record<string, Parameters>>;
}

const root = new protobuf.Root();
root.loadSync(fileURLToPath(new URL('../../protos/inference/grpc_service.proto', import.meta.url)), {
  keepCase: true,
});
const proto = (name: string): protobuf.Type => root.lookupType(`inference.${name}`);

interface ProtoTensor {
  readonly name: string;
  readonly parameters?: Record<string, object>;
}

/** A map<string, InferParameter>, its integers as text, which no JSON number could be. */
function plain(parameters: Record<string, object> | undefined): Parameters {
  const values = Object.entries(parameters ?? {}).map(([name, choice]) => [
    name,
    Object.values(choice)[0] as unknown,
  ]);
  return Object.fromEntries(values) as Parameters;
}
const byName = (tensors: readonly ProtoTensor[] = []): Record<string, Parameters> =>
  Object.fromEntries(tensors.map(({ name, parameters }) => [name, plain(parameters)]));

function choiceOf(value: string | number | boolean): object {
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'number') return { double_param: value };
  if (!/^[0-9]+$/.test(value)) return { string_param: value };
  return value.length > 19 ? { uint64_param: value } : { int64_param: value };
}
const choices = (parameters: Parameters): Record<string, object> =>
  Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, choiceOf(value)]));

function read(type: string, message: Uint8Array): Record<string, unknown> {
  return proto(type).toObject(proto(type).decode(message), { longs: String });
}
const write = (type: string, object: object): Buffer =>
  Buffer.from(proto(type).encode(proto(type).fromObject(object)).finish());

/** JSON whose integers have become text, so that all their digits can be compared. */
const readJson = (text: string): Record<string, unknown> =>
  JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
    typeof value === 'number' && /^-?[0-9]+$/.test(context?.source ?? '') ? context?.source : value,
  ) as Record<string, unknown>;
/** And back: a parameter whose text is digits is an integer. */
const rawJson = (JSON as unknown as { rawJSON: (text: string) => object }).rawJSON;
const numbered = (parameters: Parameters): object =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'string' && /^[0-9]+$/.test(value) ? rawJson(value) : value,
    ]),
  );

/** Each kind of a parameter's value. */
const some: Parameters = {
  priority: '3',
  ratio: 0.5,
  user: 'me',
  flag: true,
  large: '12345678901234567890',
};
const asked: Asked = {
  id: 'mine',
  parameters: some,
  inputs: { x: { content_type: 'str', ...some }, z: {} },
  outputs: { y: { kind: 'best', ...some }, w: {} },
};
const answered: Answered = {
  id: 'mine',
  parameters: { took: '5', ...some },
  outputs: { y: { content_type: 'np', ...some }, w: {} },
};

/** What the stand-ins were asked last, and what they answer. */
let seen: Asked | undefined;
let answer: Answered = answered;
const values = { datatype: 'INT32', shape: [1], data: [7] };
const raw = Buffer.from(new Int32Array([7]).buffer);

async function startGrpc(): Promise<{ url: string; stop: () => void }> {
  const server = new GrpcServer();
  const same = (bytes: Buffer): Buffer => bytes;
  const method = (name: string) => ({
    path: `/inference.GRPCInferenceService/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  const answers: Record<string, (message: Buffer) => Buffer> = {
    ModelReady: () => write('ModelReadyResponse', { ready: true }),
    ModelMetadata: () => write('ModelMetadataResponse', { name: 'm', versions: ['1'] }),
    ModelInfer(message) {
      const { id, parameters, inputs, outputs } = read('ModelInferRequest', message) as {
        id?: string;
        parameters?: Record<string, object>;
        inputs: ProtoTensor[];
        outputs: ProtoTensor[];
      };
      seen = {
        id: id ?? '',
        parameters: plain(parameters),
        inputs: byName(inputs),
        outputs: byName(outputs),
      };
      const tensors = Object.entries(answer.outputs);
      return write('ModelInferResponse', {
        model_name: 'm',
        model_version: '1',
        id: answer.id,
        parameters: choices(answer.parameters),
        outputs: tensors.map(([name, own]) => ({
          name,
          datatype: 'INT32',
          shape: ['1'],
          parameters: choices(own),
        })),
        raw_output_contents: tensors.map(() => raw),
      });
    },
  };
  server.addService(
    Object.fromEntries(Object.keys(answers).map((name) => [name, method(name)])),
    Object.fromEntries(
      Object.entries(answers).map(([name, reply]) => [
        name,
        (call: { request: Buffer }, done: (error: null, value: Buffer) => void) => {
          done(null, reply(call.request));
        },
      ]),
    ),
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    url: `kserve://127.0.0.1:${port}`,
    stop() {
      server.forceShutdown();
    },
  };
}

interface JsonTensor {
  readonly name: string;
  readonly parameters?: Parameters;
}
/** Without what says how HTTP carries the tensor. */
const ownOf = (
  tensors: readonly JsonTensor[] = [],
  carriage: readonly string[] = [],
): Record<string, Parameters> =>
  Object.fromEntries(
    tensors.map(({ name, parameters = {} }) => [
      name,
      Object.fromEntries(Object.entries(parameters).filter(([key]) => !carriage.includes(key))),
    ]),
  );

async function startRest(extensions: readonly string[]): Promise<{ url: string; stop: () => void }> {
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const send = (body: object): void => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    };
    if (request.url === '/v2') return send({ name: 'stand-in', extensions });
    if (request.method === 'GET')
      return send({ name: 'm', versions: ['1'], platform: '', inputs: [], outputs: [] });
    // asked every few seconds, and no inference
    if (request.url === '/v2/repository/index') return send([]);
    const body = Buffer.concat(chunks);
    const length = Number(request.headers['inference-header-content-length'] ?? body.length);
    const { id, parameters, inputs, outputs } = readJson(body.toString('utf8', 0, length)) as {
      id?: string;
      parameters?: Parameters;
      inputs: JsonTensor[];
      outputs?: JsonTensor[];
    };
    // a server with the extension gets all tensors so, and is asked for them so
    const isBinary = extensions.length > 0;
    const [only] = Object.values(
      ownOf([{ name: '', parameters: parameters ?? {} }], isBinary ? ['binary_data_output'] : []),
    );
    seen = {
      id: id ?? '',
      parameters: only ?? {},
      inputs: ownOf(inputs, isBinary ? ['binary_data_size'] : []),
      outputs: ownOf(outputs, isBinary ? ['binary_data'] : []),
    };
    return send({
      model_name: 'm',
      model_version: '1',
      ...(answer.id === '' ? {} : { id: answer.id }),
      parameters: numbered(answer.parameters),
      outputs: Object.entries(answer.outputs).map(([name, own]) => ({
        name,
        ...values,
        parameters: numbered(own),
      })),
    });
  }
  const server: HttpServer = createServer((request, response) => {
    reply(request, response).catch((reason: unknown) => {
      response.statusCode = 500;
      response.end(String(reason));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `kserve+http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Door = (gateway: Pick<TestGateway, 'rest' | 'grpc'>, model: string, request: Asked) => Promise<Answered>;

const viaGrpc =
  (over: typeof overGrpc, address: 'rest' | 'grpc'): Door =>
  async (gateway, model, request) => {
    const { unary, close } = over(gateway[address]);
    try {
      const message = write('ModelInferRequest', {
        model_name: model,
        id: request.id,
        parameters: choices(request.parameters),
        inputs: Object.entries(request.inputs).map(([name, own]) => ({
          name,
          datatype: 'INT32',
          shape: ['1'],
          parameters: choices(own),
        })),
        outputs: Object.entries(request.outputs).map(([name, own]) => ({ name, parameters: choices(own) })),
        raw_input_contents: Object.keys(request.inputs).map(() => raw),
      });
      const { id, parameters, outputs } = read(
        'ModelInferResponse',
        await unary('/inference.GRPCInferenceService/ModelInfer', message),
      ) as { id?: string; parameters?: Record<string, object>; outputs: ProtoTensor[] };
      return { id: id ?? '', parameters: plain(parameters), outputs: byName(outputs) };
    } finally {
      close();
    }
  };

const viaRest =
  (binary: boolean): Door =>
  async (gateway, model, request) => {
    const tensor = binary ? { datatype: 'INT32', shape: [1] } : values;
    const sized = (own: Parameters): object => numbered(binary ? { ...own, binary_data_size: '4' } : own);
    const json = JSON.stringify({
      ...(request.id === '' ? {} : { id: request.id }),
      parameters: numbered(request.parameters),
      inputs: Object.entries(request.inputs).map(([name, own]) => ({
        name,
        ...tensor,
        parameters: sized(own),
      })),
      outputs: Object.entries(request.outputs).map(([name, own]) => ({
        name,
        parameters: numbered(own),
      })),
    });
    const response = await fetch(`http://${gateway.rest}/v2/models/${model}/infer`, {
      method: 'POST',
      headers: binary ? { 'inference-header-content-length': String(Buffer.byteLength(json)) } : {},
      body: binary ? Buffer.concat([Buffer.from(json), ...Object.keys(request.inputs).map(() => raw)]) : json,
    });
    const text = await response.text();
    if (response.status !== 200) throw new Refused(`HTTP ${response.status}`, text);
    const { id, parameters, outputs } = readJson(text) as {
      id?: string;
      parameters?: Parameters;
      outputs: JsonTensor[];
    };
    return { id: id ?? '', parameters: parameters ?? {}, outputs: ownOf(outputs) };
  };

const doors: Readonly<Record<string, Door>> = {
  gRPC: viaGrpc(overGrpc, 'grpc'),
  'gRPC-Web': viaGrpc(overWeb, 'rest'),
  'REST, JSON': viaRest(false),
  'REST, binary tensors': viaRest(true),
};

describe('members of V2 messages', () => {
  const stops: (() => unknown)[] = [];
  const gateways = new Map<string, TestGateway>();
  before(async () => {
    const servers = {
      'a gRPC server': await startGrpc(),
      'a REST server': await startRest([]),
      'a REST server with binary tensors': await startRest(['binary_tensor_data']),
    };
    for (const [name, { url, stop }] of Object.entries(servers)) {
      const gateway = await startTestGateway([url]);
      gateways.set(name, gateway);
      stops.push(() => gateway.stop(), stop);
    }
    const demo = await startDemoServer({ models: ['m=half_plus_two'], name: 'one' });
    const tfs = await startTestGateway([`tfs://127.0.0.1:${demo.port}`]);
    const tfsRest = await startTestGateway([`tfs+http://${tfs.rest}`]);
    gateways.set('a TensorFlow Serving', tfs);
    gateways.set('a TensorFlow Serving over REST', tfsRest);
    stops.push(
      () => tfsRest.stop(),
      () => tfs.stop(),
      () => demo.stop(),
    );
  });
  after(async () => {
    for (const stop of stops) await stop();
  });

  for (const server of ['a gRPC server', 'a REST server', 'a REST server with binary tensors'])
    for (const [name, infer] of Object.entries(doors)) {
      it(`arrive from ${name} at ${server}, and back`, async () => {
        seen = undefined;
        answer = answered;
        const reply = await infer(gateways.get(server) as TestGateway, 'm', asked);
        assert.deepEqual(seen, asked);
        assert.deepEqual(reply, answered);
      });

      it(`${name} before ${server}: an id of the server’s own comes back, and what is not there stays so`, async () => {
        const nothing: Asked = { id: '', parameters: {}, inputs: { x: {} }, outputs: {} };
        answer = { id: 'theirs', parameters: {}, outputs: { y: {} } };
        const reply = await infer(gateways.get(server) as TestGateway, 'm', nothing);
        assert.deepEqual(seen, nothing);
        assert.deepEqual(reply, answer);
      });
    }

  for (const server of ['a TensorFlow Serving', 'a TensorFlow Serving over REST'])
    for (const [name, infer] of Object.entries(doors))
      it(`${name} before ${server}: a classification is refused, not left out`, async () => {
        const request: Asked = {
          id: '',
          parameters: {},
          inputs: { x: {} },
          outputs: { y: { classification: '2' } },
        };
        await assert.rejects(infer(gateways.get(server) as TestGateway, 'm', request), (reason: Error) => {
          assert.match(reason.message, /^(UNIMPLEMENTED|HTTP 501)/);
          return true;
        });
      });
});
