/** Answers that the doors give, by route and protocol: how to ask for each, and what it must leave behind. */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictPath,
  RawClient,
  type TestGateway,
} from '../support/index.ts';

/** What a client got. */
export interface Got {
  readonly status: number;
  readonly id: string | undefined;
}

export interface Row {
  readonly ask: (gateway: TestGateway) => Promise<Got>;
  readonly status: number;
  /** The one sample that rises, by a part of it. */
  readonly counted: string;
  readonly logged: Record<string, unknown>;
}

const model = '/v1/models/half_plus_two';

/** Bytes as they are over HTTP/1.1, and the first answer's head. */
function raw(gateway: TestGateway, text: string): Promise<Got> {
  const [host, port] = gateway.rest.split(':') as [string, string];
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host, () => socket.write(text));
    let got = '';
    socket.setEncoding('latin1').on('error', reject);
    socket.on('data', (chunk: string) => {
      got += chunk;
      if (!got.includes('\r\n\r\n')) return;
      socket.destroy();
      resolve({ status: Number(got.slice(9, 12)), id: /\r\nx-request-id: (.*)\r\n/i.exec(got)?.[1] });
    });
  });
}

const http1 =
  (method: string, path: string, body = '', more = '') =>
  (gateway: TestGateway): Promise<Got> =>
    raw(
      gateway,
      `${method} ${path} HTTP/1.1\r\nhost: a\r\n${more}content-length: ${body.length}\r\n\r\n${body}`,
    );

const http2 =
  (method: string, path: string, body = '', more: Record<string, string> = {}) =>
  async (gateway: TestGateway): Promise<Got> => {
    const session = connectHttp2(`http://${gateway.rest}`);
    try {
      return await new Promise<Got>((resolve, reject) => {
        const request = session.request(
          { ':method': method, ':path': path, ...more },
          { endStream: body === '' },
        );
        request.once('response', (fields) => {
          request.resume().once('close', () => {
            resolve({ status: Number(fields[':status']), id: fields['x-request-id']?.toString() });
          });
        });
        request.once('error', reject);
        if (body !== '') request.end(body);
      });
    } finally {
      session.destroy();
    }
  };

const rpc =
  (fields: readonly string[], body: Uint8Array) =>
  async (gateway: TestGateway): Promise<Got> => {
    const client = await RawClient.open(gateway.grpc);
    client.send(headers(1, fields, h2.END_HEADERS), frame(h2.DATA, h2.END_STREAM, 1, body));
    const answer = await client.untilEnd(1);
    client.destroy();
    const text = Buffer.concat(answer.body).toString('latin1');
    const inFrame = /x-request-id: ?(.*)\r\n/.exec(text)?.[1];
    return { status: Number(fieldOf(answer, ':status')), id: fieldOf(answer, 'x-request-id') ?? inFrame };
  };

const named = 'name="half_plus_two"';
export const rest = (code: number, more = ''): string =>
  `tensorgate_http_responses_total{interface="REST",code="${code}"${more}}`;
export const plain = (via: string, code: number): string =>
  `tensorgate_http_responses_total{interface="${via}",code="${code}"}`;
const failed = (via: string, code: string): string =>
  `tensorgate_requests_fail{api="TensorFlowServing",interface="${via}",method="Predict",code="${code}"}`;
const ownModel = `,${named}`;
const large = `{"instances":[${'1.5,'.repeat(3000)}1]}`;
const json = { 'content-type': 'application/json' };
const grpcFields = (more: readonly string[] = []): string[] => predictFields(more);
const webFields = (type: string): string[] =>
  predictFields().map((text) => (text === 'application/grpc' ? type : text));
const chat = 'tensorgate_proxy_requests_total{prefix="/v3"';

/** By whether a backend is there. */
export const rows: Readonly<Record<'up' | 'down' | 'tls', Readonly<Record<string, Row>>>> = {
  up: {
    'REST, an answer': {
      ask: http1('POST', `${model}:predict`, '{"instances":[1]}'),
      status: 200,
      counted: rest(200, ownModel),
      logged: { via: 'REST', status: 200, code: 'OK', model: 'half_plus_two', msg: 'call' },
    },
    'REST over HTTP/2, an answer': {
      ask: http2('POST', `${model}:predict`, '{"instances":[1]}'),
      status: 200,
      counted: rest(200, ownModel),
      logged: { via: 'REST', status: 200, code: 'OK', msg: 'call' },
    },
    'REST, bad JSON': {
      ask: http1('POST', `${model}:predict`, '{"instances":[1'),
      status: 400,
      counted: rest(400, ownModel),
      logged: { via: 'REST', status: 400, model: 'half_plus_two', path: `${model}:predict`, msg: 'http' },
    },
    'REST over HTTP/2, bad JSON': {
      ask: http2('POST', `${model}:predict`, '{"instances":[1'),
      status: 400,
      counted: rest(400, ownModel),
      logged: { via: 'REST', status: 400, model: 'half_plus_two', msg: 'http' },
    },
    'REST, its own id': {
      ask: http1('POST', `${model}:predict`, '{', 'x-request-id: mine\r\n'),
      status: 400,
      counted: rest(400, ownModel),
      logged: { id: 'mine', status: 400 },
    },
    'REST, unknown model': {
      ask: http1('POST', '/v1/models/nobody:predict', '{"instances":[1]}'),
      status: 404,
      counted: rest(404),
      logged: { via: 'REST', status: 404, model: 'nobody' },
    },
    'REST, wrong path': {
      ask: http1('GET', '/v1/nothing?token=secret'),
      status: 400,
      counted: rest(400),
      logged: { via: 'REST', status: 400, method: 'GET', path: '/v1/nothing' },
    },
    'REST, wrong method': {
      ask: http1('DELETE', model),
      status: 400,
      counted: rest(400),
      logged: { via: 'REST', status: 400, method: 'DELETE' },
    },
    'REST, too large': {
      ask: http1('POST', `${model}:predict`, large),
      status: 413,
      counted: rest(413, ownModel),
      logged: { via: 'REST', status: 413, model: 'half_plus_two' },
    },
    'REST over HTTP/2, too large': {
      ask: http2('POST', `${model}:predict`, large),
      status: 413,
      counted: rest(413, ownModel),
      logged: { via: 'REST', status: 413 },
    },
    'REST, a preflight': {
      ask: http1('OPTIONS', `${model}:predict`, '', 'origin: http://a.example\r\n'),
      status: 200,
      counted: rest(200),
      logged: { via: 'REST', status: 200, method: 'OPTIONS' },
    },
    'REST, HEAD by way of node:http': {
      ask: http1('HEAD', '/v1/models'),
      status: 200,
      counted: rest(200),
      logged: { via: 'REST', status: 200, method: 'HEAD' },
    },
    'REST, the list of models': {
      ask: http1('GET', '/v1/models'),
      status: 200,
      counted: rest(200),
      logged: { via: 'REST', status: 200 },
    },
    'REST, status of a model': {
      ask: http2('GET', model),
      status: 200,
      counted: rest(200, ownModel),
      logged: { via: 'REST', status: 200, code: 'OK', msg: 'call' },
    },
    'REST, reload refused': {
      ask: http1('POST', '/v1/config/reload'),
      status: 403,
      counted: rest(403),
      logged: { via: 'REST', status: 403 },
    },
    'V2, wrong path': {
      ask: http1('GET', '/v2/nothing'),
      status: 404,
      counted: rest(404),
      logged: { via: 'REST', status: 404 },
    },
    'V2, bad JSON': {
      ask: http2('POST', '/v2/models/half_plus_two/infer', '{'),
      status: 400,
      counted: rest(400, ownModel),
      logged: { via: 'REST', status: 400, model: 'half_plus_two' },
    },
    'V2, ready': {
      ask: http1('GET', '/v2/models/half_plus_two/ready'),
      status: 200,
      counted: rest(200, ownModel),
      logged: { via: 'REST', status: 200, code: 'OK' },
    },
    'framing of a body over HTTP/1.1': {
      ask: (gateway) =>
        raw(
          gateway,
          `POST ${model}:predict HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n`,
        ),
      status: 400,
      counted: rest(400),
      logged: { via: 'REST', status: 400 },
    },
    'REST, a client that leaves': {
      ask: async (gateway) => {
        const [host, port] = gateway.rest.split(':') as [string, string];
        const head = `POST ${model}:predict HTTP/1.1\r\nhost: a\r\nx-request-id: left\r\ncontent-length: 9\r\n\r\n{`;
        const socket = connect(Number(port), host);
        await new Promise<void>((resolve) => socket.write(head, () => resolve()));
        socket.destroy();
        return { status: 0, id: 'left' };
      },
      status: 0,
      counted: rest(0, ownModel),
      logged: { via: 'REST', status: 0, complete: false },
    },
    'no HTTP': {
      ask: (gateway) => raw(gateway, 'GET / HTTP/1.1\r\nno field\r\n\r\n'),
      status: 400,
      counted: plain('HTTP', 400),
      logged: { via: 'HTTP', status: 400 },
    },
    'no Host field': {
      ask: (gateway) => raw(gateway, 'GET /v1/models HTTP/1.1\r\n\r\n'),
      status: 400,
      counted: plain('HTTP', 400),
      logged: { via: 'HTTP', status: 400, path: '/v1/models' },
    },
    CONNECT: {
      ask: (gateway) => raw(gateway, 'CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n'),
      status: 405,
      counted: plain('HTTP', 405),
      logged: { via: 'HTTP', status: 405 },
    },
    'a head that is too large': {
      ask: http1('GET', '/v1/models', '', `x-large: ${'x'.repeat(70_000)}\r\n`),
      status: 431,
      counted: plain('HTTP', 431),
      logged: { via: 'HTTP', status: 431 },
    },
    'a head that is too large, over HTTP/2': {
      ask: (gateway) => rpc([...grpcFields(), ...many(600)], Buffer.alloc(0))(gateway),
      status: 431,
      counted: plain('HTTP', 431),
      logged: { via: 'HTTP', status: 431 },
    },
    'a head that does not come': {
      ask: (gateway) => raw(gateway, 'GET /v1/models HTTP/1.1\r\nhost'),
      status: 408,
      counted: plain('HTTP', 408),
      logged: { via: 'HTTP', status: 408 },
    },
    'a field that HTTP/2 does not allow': {
      ask: (gateway) => rpc([...grpcFields(), 'x-odd', 'a\u0001b'], Buffer.alloc(0))(gateway),
      status: 400,
      counted: plain('HTTP', 400),
      logged: { via: 'HTTP', status: 400 },
    },
    'gRPC-Web, wrong method': {
      ask: http1('GET', predictPath),
      status: 405,
      counted: plain('gRPC-Web', 405),
      logged: { via: 'gRPC-Web', status: 405, path: predictPath },
    },
    'gRPC-Web, wrong type': {
      ask: http2('POST', predictPath, '{}', json),
      status: 415,
      counted: plain('gRPC-Web', 415),
      logged: { via: 'gRPC-Web', status: 415, path: predictPath },
    },
    'gRPC over HTTP/1.1': {
      ask: http1('POST', predictPath, '', 'content-type: application/grpc\r\n'),
      status: 415,
      counted: plain('gRPC', 415),
      logged: { via: 'gRPC', status: 415 },
    },
    'gRPC-Web, a preflight': {
      ask: http1('OPTIONS', predictPath, '', 'origin: http://a.example\r\n'),
      status: 204,
      counted: plain('gRPC-Web', 204),
      logged: { via: 'gRPC-Web', status: 204, method: 'OPTIONS' },
    },
    'gRPC, an answer': {
      ask: rpc(grpcFields(), framed(predictMessage())),
      status: 200,
      counted: `tensorgate_requests_success{api="TensorFlowServing",interface="gRPC",method="Predict",${named},version="123",code="OK"}`,
      logged: { via: 'gRPC', code: 'OK', model: 'half_plus_two', msg: 'call' },
    },
    'gRPC, unknown model': {
      ask: rpc(grpcFields(), framed(predictMessage('nobody'))),
      status: 200,
      counted: failed('gRPC', 'NOT_FOUND'),
      logged: { via: 'gRPC', code: 'NOT_FOUND', model: 'nobody', msg: 'call' },
    },
    'gRPC, no timeout': {
      ask: rpc(grpcFields(['grpc-timeout', 'soon']), framed(predictMessage())),
      status: 200,
      counted: failed('gRPC', 'INTERNAL'),
      logged: { via: 'gRPC', code: 'INTERNAL', msg: 'call' },
    },
    'gRPC, no message': {
      ask: rpc(grpcFields(), Buffer.of(0, 0, 0, 1, 0)),
      status: 200,
      counted: failed('gRPC', 'INTERNAL'),
      logged: { via: 'gRPC', code: 'INTERNAL', msg: 'call' },
    },
    'gRPC, too large': {
      ask: rpc(grpcFields(), Buffer.of(0, 0x7f, 0, 0, 0)),
      status: 200,
      counted: failed('gRPC', 'RESOURCE_EXHAUSTED'),
      logged: { via: 'gRPC', code: 'RESOURCE_EXHAUSTED', msg: 'call' },
    },
    'gRPC-Web, no base64': {
      ask: rpc(webFields('application/grpc-web-text'), Buffer.from('?!?!')),
      status: 200,
      counted: failed('gRPC-Web', 'INVALID_ARGUMENT'),
      logged: { via: 'gRPC-Web', code: 'INVALID_ARGUMENT', msg: 'call' },
    },
    'gRPC-Web, no message': {
      ask: rpc(webFields('application/grpc-web'), Buffer.of(0, 0, 0, 1, 0)),
      status: 200,
      counted: failed('gRPC-Web', 'INTERNAL'),
      logged: { via: 'gRPC-Web', code: 'INTERNAL', msg: 'call' },
    },
    'HTTP that passes, a bad path': {
      ask: http1('GET', '/v3/../x'),
      status: 400,
      counted: `${chat},method="GET",status="400",complete="true"}`,
      logged: { via: 'proxy', status: 400 },
    },
    'HTTP that passes, over HTTP/2, a bad path': {
      ask: http2('GET', '/v3//x'),
      status: 400,
      counted: `${chat},method="GET",status="400",complete="true"}`,
      logged: { via: 'proxy', status: 400 },
    },
    'HTTP that passes, a method that does not': {
      ask: http1('REPORT', '/v3/x'),
      status: 405,
      counted: `${chat},method="other",status="405",complete="true"}`,
      logged: { via: 'proxy', status: 405 },
    },
    'HTTP that passes, a preflight': {
      ask: http1('OPTIONS', '/v3/x', '', 'origin: http://a.example\r\n'),
      status: 204,
      counted: `${chat},method="other",status="204",complete="true"}`,
      logged: { via: 'proxy', status: 204 },
    },
    'HTTP that passes, no backend': {
      ask: http1('GET', '/v3/x'),
      status: 503,
      counted: `${chat},method="GET",status="503",complete="false"}`,
      logged: { via: 'proxy', status: 503 },
    },
  },
  tls: {
    'plain HTTP': {
      ask: (gateway) => raw(gateway, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'),
      status: 400,
      counted: plain('HTTP', 400),
      logged: { via: 'HTTP', status: 400 },
    },
  },
  down: {
    'REST, nobody there': {
      ask: http1('POST', `${model}:predict`, '{"instances":[1]}'),
      status: 503,
      counted: rest(503, ownModel),
      logged: { via: 'REST', status: 503, model: 'half_plus_two' },
    },
    'REST over HTTP/2, nobody there': {
      ask: http2('POST', `${model}:predict`, '{"instances":[1]}'),
      status: 503,
      counted: rest(503, ownModel),
      logged: { via: 'REST', status: 503, model: 'half_plus_two' },
    },
    'gRPC, nobody there': {
      ask: rpc(grpcFields(), framed(predictMessage())),
      status: 200,
      counted: failed('gRPC', 'UNAVAILABLE').replace(',code', `,${named},code`),
      logged: { via: 'gRPC', code: 'UNAVAILABLE', model: 'half_plus_two' },
    },
  },
};

function many(count: number): string[] {
  return Array.from({ length: count }, (_, i) => [`x-${i}`, 'v']).flat();
}
