/** Requests of HTTP/1.0 and HTTP/1.1 by their grammar, with deviations by chance: what one connection sends. */
import type { Chance } from './chance.ts';
import type { HttpQuestion, Questions } from './corpus.ts';
import { type Field, randomField, rpcType } from './fields.ts';
import { mutate } from './mutate.ts';
import { rpcBody } from './rpc-body.ts';
import { oddTarget, randomMethod, randomTarget } from './targets.ts';

/** What one connection sends, and what may be said of its answers. */
export interface Http1Script {
  readonly bytes: Buffer;
  /** Requests that were made, whatever became of them. */
  readonly requests: number;
  /** Nothing is wrong with any of them: each gets one answer, whatever it says. */
  readonly sound: boolean;
  /** Their methods, when they are sound. */
  readonly methods: readonly string[];
}

interface Request {
  readonly bytes: Buffer;
  readonly method: string;
  readonly sound: boolean;
  /** The connection ends behind its answer. */
  readonly last: boolean;
}

const versions = [
  'HTTP/1.1',
  'HTTP/1.0',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'http/1.1',
  'HTTP/1.',
  'HTTP',
  '',
];
const noBody: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'DELETE']);

interface Parts {
  method: string;
  target: string;
  version: string;
  readonly fields: Field[];
  body: Buffer;
  sound: boolean;
}

function fromRpc(chance: Chance, { rpcs }: Questions): Parts {
  const question = chance.pick(rpcs);
  const type = chance.pick([
    'application/grpc-web',
    'application/grpc-web+proto',
    'application/grpc-web-text',
    'application/grpc-web-text+proto',
    'application/grpc',
  ]);
  const fields: Field[] = [
    ['content-type', type],
    ['x-grpc-web', '1'],
  ];
  // over HTTP/1.1 a stream of messages ends with the body, and a watch never does
  const endless = question.path.endsWith('/Watch');
  if (endless || chance.percent(30)) fields.push(['grpc-timeout', endless ? '100m' : '2S']);
  return {
    method: 'POST',
    target: question.path,
    version: 'HTTP/1.1',
    fields,
    body: rpcBody(chance, question, rpcs, type.includes('text')),
    sound: true,
  };
}

function fromHttp(chance: Chance, { https }: Questions): Parts {
  const question: HttpQuestion = chance.pick(https);
  const fields: Field[] = [...question.more];
  if (question.type !== undefined) fields.push(['content-type', question.type]);
  const others = https.map(({ body }) => body);
  const body =
    question.body.length > 0 && chance.percent(40) ? mutate(chance, question.body, others) : question.body;
  return { method: question.method, target: question.target, version: 'HTTP/1.1', fields, body, sound: true };
}

/** Things that are wrong or odd, most of them by themselves. */
function deviate(chance: Chance, parts: Parts): void {
  parts.sound = false;
  for (let left = 1 + chance.below(3); left > 0; left--) {
    const way = chance.below(100);
    if (way < 12) parts.method = randomMethod(chance);
    else if (way < 22) parts.target = randomTarget(chance);
    else if (way < 32) parts.target = oddTarget(chance, parts.target);
    else if (way < 47) parts.version = chance.percent(75) ? 'HTTP/1.0' : chance.pick(versions);
    else if (way < 55 && parts.fields.length > 0) parts.fields.splice(chance.below(parts.fields.length), 1);
    else if (way < 60) parts.fields.push(['content-type', rpcType(chance)]);
    else parts.fields.push(randomField(chance, true));
  }
}

const maxChunks = 8;
/** Of chunks; node:http, which some requests are for, does not take those behind the third. */
const extensions = [';a=b', ';a', `;a="${'x'.repeat(50)}"`, '; x="y"', ';', ' ;a', ';a;;b'];

function chunked(chance: Chance, body: Buffer, wrong: boolean): Buffer {
  const out: Buffer[] = [];
  const end = wrong && chance.percent(15) ? '\n' : '\r\n';
  let at = 0;
  for (let i = 0; at < body.length; i++) {
    const to = i === maxChunks ? body.length : Math.min(body.length, at + 1 + chance.below(body.length));
    const part = body.subarray(at, to);
    const said = wrong && chance.percent(10) ? chance.below(100_000) : part.length;
    const size = chance.percent(10) ? said.toString(16).padStart(6, '0') : said.toString(16).toUpperCase();
    const extension = chance.percent(8) ? chance.pick(wrong ? extensions : extensions.slice(0, 3)) : '';
    out.push(Buffer.from(`${size}${extension}${end}`), part, Buffer.from(end));
    at = to;
  }
  if (!wrong || chance.percent(70)) {
    const trailer = chance.percent(5) ? 'x-trailer: 1\r\n' : '';
    out.push(Buffer.from(`0${end}${trailer}${end}`));
  }
  const all = Buffer.concat(out);
  return wrong && chance.percent(40) ? mutate(chance, all, [body], 2) : all;
}

function write(chance: Chance, parts: Parts): Request {
  const { method, target, version, fields, body, sound } = parts;
  const lines: Field[] = [['host', 'fuzz'], ...fields];
  if (!sound && chance.percent(10)) lines.shift();
  let last = lines.some(([name]) => name.toLowerCase() === 'connection');
  if (!last && chance.percent(8)) {
    lines.push(['connection', 'close']);
    last = true;
  }
  const wrong = !sound && chance.percent(25);
  let framed: Buffer = body;
  const asChunks = chance.percent(30);
  if (body.length > 0 || !noBody.has(method)) {
    if (asChunks && (version === 'HTTP/1.1' || wrong)) {
      lines.push(['transfer-encoding', 'chunked']);
      framed = chunked(chance, body, wrong);
    } else if (!wrong || chance.percent(50))
      lines.push(['content-length', String(wrong ? chance.below(2 * body.length + 5) : body.length)]);
  }
  if (chance.percent(20)) lines.sort(() => chance.below(3) - 1);
  const end = !sound && chance.percent(4) ? chance.pick(['\n', '\r', '\r\r\n']) : '\r\n';
  const colon = !sound && chance.percent(4) ? chance.pick([' : ', ':', ' ', ':\r\n ']) : ': ';
  const head = `${[`${method} ${target}${version === '' ? '' : ` ${version}`}`, ...lines.map(([name, value]) => name + colon + value)].join(end)}${end}${end}`;
  return { bytes: Buffer.concat([Buffer.from(head, 'latin1'), framed]), method, sound, last };
}

function request(chance: Chance, questions: Questions, soundOnly: boolean): Request {
  const parts = chance.percent(45) ? fromRpc(chance, questions) : fromHttp(chance, questions);
  if (!soundOnly && chance.percent(35)) deviate(chance, parts);
  return write(chance, parts);
}

/** Whole valid requests, to mutate and to splice. */
function recorded(chance: Chance, questions: Questions): Buffer {
  const parts = chance.percent(50) ? fromRpc(chance, questions) : fromHttp(chance, questions);
  return write(chance, parts).bytes;
}

/** @param soundOnly for fuzz of others than the doors */
export function http1Script(chance: Chance, questions: Questions, soundOnly = false): Http1Script {
  const way = soundOnly ? 100 : chance.below(100);
  if (way < 3) return { bytes: chance.bytes(chance.size(2000)), requests: 1, sound: false, methods: [] };
  if (way < 18) {
    const bytes = mutate(chance, recorded(chance, questions), [recorded(chance, questions)]);
    return { bytes, requests: 1, sound: false, methods: [] };
  }
  const count = chance.percent(50) ? 1 : 1 + chance.below(12);
  const requests: Request[] = [];
  for (let i = 0; i < count; i++) {
    const next = request(chance, questions, soundOnly);
    requests.push(next);
    if (next.last && chance.percent(80)) break;
  }
  const sound = requests.every((each, i) => each.sound && (!each.last || i === requests.length - 1));
  return {
    bytes: Buffer.concat(requests.map(({ bytes }) => bytes)),
    requests: requests.length,
    sound,
    methods: requests.map(({ method }) => method),
  };
}
