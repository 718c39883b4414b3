/** Header fields that a generator may give a request, right, odd and wrong, for HTTP/1 and HTTP/2 alike. */
import type { Chance } from './chance.ts';

export type Field = readonly [name: string, value: string];

const timeouts = [
  '1S',
  '500m',
  '1n',
  '0S',
  '99999999H',
  '100u',
  'x',
  '',
  '-1S',
  '1',
  '123456789S',
  '1S ',
  '٣S',
];
const rpcTypes = [
  'application/grpc',
  'application/grpc+proto',
  'application/grpc-web',
  'application/grpc-web+proto',
  'application/grpc-web-text',
  'application/grpc-web-text+proto',
];
const types = [
  ...rpcTypes,
  'application/json',
  'application/grpc-web-text; charset=utf-8',
  'application/grpcx',
  'application/grpc+json',
  'APPLICATION/GRPC-WEB',
  'text/plain',
  'multipart/form-data; boundary=x',
  'application/x-www-form-urlencoded',
  ' ',
  '',
];
const codings = ['gzip', 'deflate', 'identity', 'br', 'gzip, gzip', 'x-gzip', '', 'nothing', 'zstd', 'GZIP'];
const numbers = [
  '0',
  '1',
  '5',
  '-1',
  '00',
  '1e3',
  '0x10',
  '4294967296',
  '18446744073709551616',
  '',
  ' 3',
  '3,3',
];
const words = [
  '*',
  'a',
  'true',
  'null',
  'https://app.example',
  'http://127.0.0.1',
  'x'.repeat(300),
  'a,b',
  '"',
  'é',
  '\x80\xff',
  'a\tb',
];

/** By name: what may stand there. */
const known: Readonly<Record<string, readonly string[]>> = {
  'content-type': types,
  accept: ['*/*', 'application/json', 'application/grpc-web-text', 'text/event-stream', ''],
  'accept-encoding': codings,
  'content-encoding': codings,
  'grpc-encoding': codings,
  'grpc-accept-encoding': codings,
  'grpc-timeout': timeouts,
  'grpc-previous-rpc-attempts': numbers,
  'x-grpc-web': ['1', '0', ''],
  te: ['trailers', 'gzip', 'deflate, trailers', ''],
  origin: ['https://app.example', 'null', 'http://evil.example', '*', ''],
  'access-control-request-method': ['POST', 'PUT', '', 'DELETE'],
  'access-control-request-headers': ['x-grpc-web,content-type', '*', '', ','.repeat(50)],
  'user-agent': ['grpc-node-js/1.14', 'curl/8', '', 'tensorgate-health'],
  'x-request-id': words,
  'x-tensorgate-priority': ['high', 'low', 'normal', 'HIGH', ''],
  'inference-header-content-length': numbers,
  authorization: ['Bearer x', '', 'Basic !!!!'],
  cookie: ['a=b', ';;;', ''],
  range: ['bytes=0-1', 'bytes=5-', 'x'],
  'if-none-match': ['*', '"a"'],
  'if-modified-since': ['Thu, 01 Jan 1970 00:00:00 GMT', 'x'],
  'x-forwarded-for': ['1.2.3.4', '::1', ', ,', ''],
  forwarded: ['for=1.2.3.4', ';'],
  trailer: ['x-a', 'grpc-status', ''],
  'grpc-status': numbers,
  'grpc-message': ['%', '%41', '%zz', ''],
  'x-bin': ['YQ', 'YQ==', '!!!!', ''],
  'x-data-bin': ['YQ', '=', ''],
  traceparent: ['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-x', ''],
  'x-tenant': words,
  'cache-control': ['no-cache', 'no-store', ''],
  expect: ['100-continue', '200-ok', '', '100-Continue'],
  priority: ['u=1, i', ''],
  via: ['1.1 a', ''],
  ['__proto__']: ['x'],
  constructor: ['x'],
};
/** They say how a connection goes on, and what HTTP/2 forbids. */
const hopByHop: Readonly<Record<string, readonly string[]>> = {
  connection: [
    'close',
    'keep-alive',
    'upgrade',
    'TE',
    'close, x-a',
    'x-tenant',
    '',
    'keep-alive, Upgrade, HTTP2-Settings',
  ],
  upgrade: ['h2c', 'websocket', 'TLS/1.0', ''],
  'http2-settings': ['AAMAAABkAAQAAP__', '!!!!', ''],
  'proxy-connection': ['keep-alive', ''],
  'keep-alive': ['timeout=5', ''],
  'transfer-encoding': [
    'chunked',
    'gzip, chunked',
    'identity',
    'chunked, chunked',
    'Chunked',
    'xchunked',
    '',
    'chunked,',
  ],
  'content-length': numbers,
  host: ['a', 'b:80', '', 'a b', '[::1]', 'x@y', 'a, b', '127.0.0.1'],
};
const knownNames = Object.keys(known);
const hopNames = Object.keys(hopByHop);

export const rpcType = (chance: Chance): string => chance.pick(chance.percent(90) ? rpcTypes : types);

function oddField(chance: Chance): Field {
  const name = chance.percent(60)
    ? `x-${chance.below(50)}`
    : chance.bytes(1 + chance.size(30)).toString('latin1');
  const value = chance.percent(50) ? chance.pick(words) : chance.bytes(chance.size(60)).toString('latin1');
  return [name, value];
}

/** @param hop whether fields of the connection may be among them */
export function randomField(chance: Chance, hop: boolean): Field {
  const way = chance.below(100);
  if (way < 75) {
    const name = chance.pick(knownNames);
    const value = chance.pick(known[name] ?? ['']);
    if (way < 2) return [name.toUpperCase(), value];
    if (way < 4) return [name, value + chance.bytes(chance.size(20)).toString('latin1')];
    return [name, value];
  }
  if (way < 90 && hop) {
    const name = chance.pick(hopNames);
    return [name, chance.pick(hopByHop[name] ?? [''])];
  }
  return oddField(chance);
}
