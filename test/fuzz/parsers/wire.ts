/** Readers of HTTP: heads, chunks, frames and HPACK blocks, and what their fields say. */
import { parseTimeout } from '../../../src/call/index.ts';
import { headOf } from '../../../src/fleet/connection/reply-head.ts';
import { trailersFrom } from '../../../src/fleet/connection/reply-trailers.ts';
import { createCors } from '../../../src/front/index.ts';
import { rpcHead } from '../../../src/front/grpc/index.ts';
import { httpHead } from '../../../src/front/json/head.ts';
import { inferenceRoute, routeOf } from '../../../src/front/json/tfs/routes.ts';
import { v2RouteOf } from '../../../src/front/json/v2/routes.ts';
import { replyFields, requestFields } from '../../../src/front/passthrough/fields.ts';
import { routeOf as proxyRouteOf, targetOf } from '../../../src/front/passthrough/target.ts';
import { HpackDecoder } from '../../../src/wire/hpack/index.ts';
import { HpackEncoder } from '../../../src/wire/hpack/index.ts';
import { ChunkedBody } from '../../../src/wire/http1/body.ts';
import { readHttp1Head } from '../../../src/wire/http1/request-head.ts';
import { FrameReader, type FrameSink } from '../../../src/wire/http2/frame-reader.ts';
import { checkRequest, checkResponse, checkTrailers } from '../../../src/wire/http2/validate.ts';
import { defaultServerLimits } from '../../../src/wire/index.ts';
import { frame, h2, hpackLiterals, predictFields, settings, windowUpdate } from '../../support/index.ts';
import type { Chance } from '../chance.ts';
import { httpQuestions } from '../corpus.ts';
import { randomField } from '../fields.ts';
import { mutate } from '../mutate.ts';
import { oddTarget, randomMethod, randomTarget } from '../targets.ts';
import { ensure, type Parser } from './parser.ts';

const limits = { maxHeaderListBytes: 65_536, maxHeaderFields: 256 };

const blocks: readonly Buffer[] = (() => {
  const encoder = new HpackEncoder();
  const lists = [
    predictFields(),
    predictFields(['x-a', 'b', 'grpc-timeout', '1S']),
    [':status', '200', 'x', 'y'],
  ];
  return [
    ...lists.map((fields) => Buffer.from(encoder.encode(fields, []))),
    ...lists.map((fields) => Buffer.from(encoder.encode(fields, ['x-b', 'c']))),
    ...lists.map((fields) => hpackLiterals(fields, true)),
    Buffer.from([0x82, 0x86, 0x84, 0x41, 0x8a, 0x08, 0x9d, 0x5c, 0x0b, 0x81, 0x70, 0xdc, 0x78, 0x0f, 0x03]),
    Buffer.from([0x3f, 0xe1, 0x1f, 0x82]),
  ];
})();

function hpack(chance: Chance): void {
  const decoder = new HpackDecoder(limits);
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const base = chance.pick(blocks);
    const block = chance.percent(20)
      ? base
      : chance.percent(10)
        ? chance.bytes(chance.size(300))
        : mutate(chance, base, blocks);
    const fields = decoder.decode(block);
    if (fields === undefined) continue;
    ensure(fields.length % 2 === 0, 'fields come in pairs');
    ensure(
      fields.every((text) => typeof text === 'string'),
      'fields are texts',
    );
  }
}

/** Counts what it is told; a DATA frame belongs to no stream. */
const sink: FrameSink = {
  onHeadersFrame(_id, bytes, from, to) {
    ensure(from >= 0 && from <= to && to <= bytes.length, 'a block lies within its frame');
  },
  onDataFrame: () => undefined,
  onDataChunk() {},
  onDataEnd() {},
  onReset() {},
  onPriority() {},
  onSettings() {},
  onSettingsAck() {},
  onPing() {},
  onGoaway() {},
  onWindowUpdate() {},
  onUnknown() {},
};

const frames: readonly Buffer[] = [
  settings([[4, 100]]),
  frame(h2.SETTINGS, h2.ACK, 0),
  frame(h2.HEADERS, h2.END_HEADERS, 1, blocks[0]),
  frame(
    h2.HEADERS,
    h2.PADDED | h2.PRIORITY_FLAG,
    3,
    Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 1]), blocks[1] as Buffer, Buffer.alloc(2)]),
  ),
  frame(h2.CONTINUATION, h2.END_HEADERS, 3, blocks[1]),
  frame(h2.DATA, h2.END_STREAM, 1, Buffer.alloc(40, 1)),
  frame(h2.DATA, h2.PADDED, 1, Buffer.alloc(20, 5)),
  frame(h2.PING, 0, 0, Buffer.alloc(8)),
  frame(h2.GOAWAY, 0, 0, Buffer.alloc(12)),
  frame(h2.RST_STREAM, 0, 1, Buffer.alloc(4)),
  windowUpdate(1, 100),
  frame(h2.PRIORITY, 0, 5, Buffer.alloc(5)),
  frame(99, 0, 5, Buffer.alloc(5)),
];

function http2Frames(chance: Chance): void {
  const reader = new FrameReader(sink, defaultServerLimits);
  const list = [frames[0] as Buffer];
  for (let left = chance.below(6); left > 0; left--) list.push(chance.pick(frames));
  let bytes: Buffer = Buffer.concat(list);
  if (chance.percent(85)) bytes = mutate(chance, bytes, frames);
  for (const piece of chance.pieces(bytes)) reader.push(piece);
}

const chunkedBodies = [
  Buffer.from('5\r\nhello\r\n0\r\n\r\n'),
  Buffer.from('1;a=b\r\nx\r\n0a\r\n0123456789\r\n0\r\nx-a: b\r\n\r\n'),
];

function chunks(chance: Chance): void {
  const bytes = mutate(chance, chance.pick(chunkedBodies), chunkedBodies);
  const read = (pieces: readonly Buffer[]): string => {
    const body = new ChunkedBody();
    const out: Buffer[] = [];
    for (const piece of pieces) {
      const end = body.read(piece, 0, (data) => out.push(Buffer.from(data)));
      if (end === -1) return 'broken';
      if (body.done) break;
    }
    return `${body.done} ${Buffer.concat(out).toString('latin1')}`;
  };
  const [whole, cut] = [read([bytes]), read(chance.pieces(bytes))];
  ensure(
    whole === cut,
    `chunks are the same in pieces: ${JSON.stringify([bytes.toString('latin1'), whole, cut])}`,
  );
}

const heads = [
  'POST /v1/models/m:predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 5',
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept: */*',
  'POST /a.B/C HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nexpect: 100-continue',
].map((text) => Buffer.from(text));

function http1Head(chance: Chance): void {
  const head = readHttp1Head(mutate(chance, chance.pick(heads), heads).toString('latin1'));
  if (head === undefined) return;
  ensure(head.bodyBytes >= -1 && Number.isInteger(head.bodyBytes), 'a length is a whole number');
  ensure(/^\/[!-~]*$/.test(head.fields[3] ?? ''), 'a path is visible ASCII');
}

/** As HTTP/2 has them. */
function fieldList(chance: Chance): string[] {
  const fields = [':method', randomMethod(chance), ':path', target(chance)];
  for (let left = chance.below(6); left > 0; left--) {
    const [name, value] = randomField(chance, true);
    fields.push(name.toLowerCase(), value);
  }
  return fields;
}

const questions = httpQuestions('m');
const target = (chance: Chance): string => {
  const base = chance.percent(50) ? randomTarget(chance) : chance.pick(questions).target;
  return chance.percent(50) ? base : oddTarget(chance, base);
};

const cors = createCors({
  origins: ['https://app.example'],
  allowCredentials: true,
  maxAgeSeconds: 5,
  exposeHeaders: [],
});

function fieldsOf(chance: Chance): void {
  const fields = fieldList(chance);
  const find = (name: string): string | undefined => fields[fields.indexOf(name) + 1];
  const record = Object.fromEntries(
    fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : [])),
  ) as Record<string, string>;
  switch (chance.below(9)) {
    case 0:
      rpcHead(fields);
      break;
    case 1:
      httpHead(fields, () => true);
      break;
    case 2:
      checkRequest(fields);
      break;
    case 3:
      checkResponse([':status', chance.pick(['200', '99', 'x', '1000', '']), ...fields.slice(4)]);
      break;
    case 4:
      checkTrailers(fields.slice(4));
      break;
    case 5:
      headOf([':status', chance.pick(['200', '404', '503']), ...fields.slice(4)], chance.percent(50));
      break;
    case 6:
      trailersFrom(fields.slice(4));
      break;
    case 7:
      requestFields(record, record.connection, { host: 'a', id: 'b', hasBody: chance.percent(50) });
      replyFields(record, 'http://a');
      break;
    default:
      cors.preflight(find('origin'), find(':method'), find('accept'));
  }
}

const proxyRoutes = [
  { prefix: '/v3', fleet: 'a', rewrite: '/v3' },
  { prefix: '/v3/b', fleet: 'b', rewrite: '/x' },
];

function route(chance: Chance): void {
  const url = target(chance);
  const method = randomMethod(chance);
  switch (chance.below(4)) {
    case 0:
      routeOf(method, url);
      break;
    case 1:
      inferenceRoute(url);
      break;
    case 2:
      v2RouteOf(method, url);
      break;
    default: {
      const found = proxyRouteOf(proxyRoutes, url);
      if (found === undefined) break;
      const result = targetOf(found, url);
      if ('target' in result)
        ensure(
          !/\/\.\.?(\/|$|\?)/.test(decodeURIComponent(result.target.split('?')[0] ?? '')),
          'no dots pass',
        );
    }
  }
}

const timeouts = ['1S', '500m', '100u', '99999999H', '1n', '5M'].map((text) => Buffer.from(text));

function timeout(chance: Chance): void {
  const text = chance.percent(70)
    ? mutate(chance, chance.pick(timeouts), timeouts, 2)
    : chance.bytes(chance.size(12));
  const ms = parseTimeout(text.toString('latin1'));
  ensure(ms >= 0 && Number.isFinite(ms), 'a time is a number');
}

export const wireParsers: readonly Parser[] = [
  { name: 'hpack', weight: 12, run: hpack },
  { name: 'http2 frames', weight: 8, run: http2Frames },
  { name: 'http1 chunks', weight: 5, run: chunks },
  { name: 'http1 head', weight: 8, run: http1Head },
  { name: 'fields', weight: 10, run: fieldsOf },
  { name: 'routes', weight: 10, run: route },
  { name: 'timeout', weight: 3, run: timeout },
];
