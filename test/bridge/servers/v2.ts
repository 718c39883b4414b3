/**
 * A V2 server over both transports, as the protocol has it: versions that are texts, ids of its own, parameters
 * everywhere.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Server as GrpcServer, ServerCredentials, status } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

export interface V2Model {
  /** What its metadata lists; a server may list none of those that it has. */
  readonly listed: readonly string[];
  /** What it has: the first is the default. Each answers with its place in this list. */
  readonly served: readonly string[];
}

export interface V2StandIn {
  /** "127.0.0.1:PORT" */
  readonly grpc: string;
  readonly http: string;
  /**
   * Each question about a model or to it, with the version that it named: "infer v1.2"; "server" for its own
   * metadata.
   */
  readonly asked: string[];
  stop(): void;
}

export interface V2StandInOptions {
  readonly models: Readonly<Record<string, V2Model>>;
  readonly name?: string;
  readonly extensions?: readonly string[];
  /** Questions about the server itself are never answered. */
  readonly silent?: boolean;
}

const root = new protobuf.Root();
root.loadSync(fileURLToPath(new URL('../../../protos/inference/grpc_service.proto', import.meta.url)), {
  keepCase: true,
});
// MLServer's own fields, which Triton and KServe do not have
const metadataType = root.lookupType('inference.ModelMetadataResponse');
metadataType.add(new protobuf.MapField('parameters', 6, 'string', 'InferParameter'));
metadataType
  .lookupType('TensorMetadata')
  .add(new protobuf.MapField('parameters', 4, 'string', 'InferParameter'));
export const v2Proto = (name: string): protobuf.Type => root.lookupType(`inference.${name}`);

class Missing extends Error {}

interface Asked {
  readonly model: string;
  readonly version: string;
}

/** What it says, whichever way: as JSON has it. Nothing of it is asked for. */
const own = { took: 5, ratio: 0.5, kept: true, by: 'me' } as const;
const tensorMetadata = {
  name: 'x',
  datatype: 'INT32',
  shape: [-1],
  parameters: { content_type: 'np', most: 7 },
};

export const v2Says = {
  id: 'theirs',
  parameters: own,
  output: { content_type: 'str', ...own },
  tensorMetadata,
};

type Plain = Readonly<Record<string, string | number | boolean>>;
function choice(value: string | number | boolean): object {
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  return Number.isInteger(value) ? { int64_param: value } : { double_param: value };
}
const choices = (parameters: Plain): object =>
  Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, choice(value)]));

/** Starts it. */
export async function startV2({
  models,
  name = 'stand-in',
  extensions = [],
  silent = false,
}: V2StandInOptions): Promise<V2StandIn> {
  const asked: string[] = [];
  function indexOf(what: string, { model, version }: Asked): { at: number; version: string } {
    asked.push(version === '' ? what : `${what} ${version}`);
    const served = models[model]?.served ?? [];
    const at = version === '' ? 0 : served.indexOf(version);
    if (at < 0 || served[at] === undefined)
      throw new Missing(`Model ${model} with version ${version} not found`);
    return { at, version: served[at] };
  }
  const serverMetadata = (): object => {
    asked.push('server');
    return { name, version: '1', extensions };
  };
  const metadata = (question: Asked) => {
    indexOf('metadata', question);
    return {
      name: question.model,
      versions: models[question.model]?.listed ?? [],
      platform: 'any',
      inputs: [tensorMetadata],
      outputs: [{ ...tensorMetadata, name: 'y' }],
      parameters: own,
    };
  };
  const inferred = (question: Asked) => {
    const { at, version } = indexOf('infer', question);
    return { model_name: question.model, model_version: version, id: v2Says.id, at };
  };

  const rest = createServer((request, response) => {
    void answerRest(request, response);
  });
  async function answerRest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for await (const chunk of request) void chunk;
    const send = (body: object, code = 200): void => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    const path = new URL(request.url ?? '/', 'http://v2').pathname;
    if (path === '/v2' && silent) return;
    if (path === '/v2') return send(serverMetadata());
    if (path.startsWith('/v2/health/')) return send({});
    const match = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?(?:\/(ready|infer))?$/.exec(path);
    const question = {
      model: decodeURIComponent(match?.[1] ?? ''),
      version: decodeURIComponent(match?.[2] ?? ''),
    };
    try {
      if (match?.[3] === 'ready') {
        indexOf('ready', question);
        return send({ name: question.model, ready: true });
      }
      if (match?.[3] === undefined) return send(metadata(question));
      const { at, ...said } = inferred(question);
      return send({
        ...said,
        parameters: own,
        outputs: [{ name: 'y', datatype: 'INT32', shape: [1], data: [at], parameters: v2Says.output }],
      });
    } catch (reason) {
      send({ error: (reason as Error).message }, reason instanceof Missing ? 404 : 500);
    }
  }
  rest.listen(0, '127.0.0.1');
  await once(rest, 'listening');

  const read = (type: string, message: Buffer): Asked => {
    const {
      name: byName,
      version,
      model_name: model,
      model_version: modelVersion,
    } = v2Proto(type).toObject(v2Proto(type).decode(message)) as Record<string, string | undefined>;
    return { model: byName ?? model ?? '', version: version ?? modelVersion ?? '' };
  };
  const write = (type: string, object: object): Buffer =>
    Buffer.from(v2Proto(type).encode(v2Proto(type).fromObject(object)).finish());
  const withChoices = ({ parameters, ...tensor }: typeof tensorMetadata): object => ({
    ...tensor,
    parameters: choices(parameters),
  });
  const answers: Readonly<Record<string, (message: Buffer) => Buffer>> = {
    ServerMetadata: () => write('ServerMetadataResponse', serverMetadata()),
    ModelReady(message) {
      indexOf('ready', read('ModelReadyRequest', message));
      return write('ModelReadyResponse', { ready: true });
    },
    ModelMetadata(message) {
      const { inputs, outputs, parameters, ...rest_ } = metadata(read('ModelMetadataRequest', message));
      return write('ModelMetadataResponse', {
        ...rest_,
        inputs: inputs.map(withChoices),
        outputs: outputs.map(withChoices),
        parameters: choices(parameters),
      });
    },
    ModelInfer(message) {
      const { at, ...said } = inferred(read('ModelInferRequest', message));
      return write('ModelInferResponse', {
        ...said,
        parameters: choices(own),
        outputs: [{ name: 'y', datatype: 'INT32', shape: [1], parameters: choices(v2Says.output) }],
        raw_output_contents: [Buffer.from(new Int32Array([at]).buffer)],
      });
    },
  };
  const same = (bytes: Buffer): Buffer => bytes;
  const method = (path: string) => ({
    path: `/inference.GRPCInferenceService/${path}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  });
  const grpc = new GrpcServer();
  grpc.addService(
    Object.fromEntries(Object.keys(answers).map((each) => [each, method(each)])),
    Object.fromEntries(
      Object.entries(answers).map(([each, answer]) => [
        each,
        (call: { request: Buffer }, done: (error: object | null, value?: Buffer) => void) => {
          try {
            done(null, answer(call.request));
          } catch (reason) {
            const code = reason instanceof Missing ? status.NOT_FOUND : status.INTERNAL;
            done({ code, details: (reason as Error).message });
          }
        },
      ]),
    ),
  );
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    grpc: `127.0.0.1:${port}`,
    http: `127.0.0.1:${(rest.address() as AddressInfo).port}`,
    asked,
    stop() {
      grpc.forceShutdown();
      rest.closeAllConnections();
      rest.close();
    },
  };
}
