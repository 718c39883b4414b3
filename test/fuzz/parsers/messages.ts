/** Readers of streams of gRPC messages: prefixes, base64, the opening of a request, compressed ones, status texts. */
import { gzipSync } from 'node:zlib';
import { decodeGrpcMessage, encodeGrpcMessage, errorOf, messageIn } from '../../../src/call/index.ts';
import { inflateMessage, inflateUntil } from '../../../src/codec/index.ts';
import { open, seal } from '../../../src/filters/cache/envelope.ts';
import { Base64Decoder } from '../../../src/front/grpc-web/base64.ts';
import { FrameAssembler } from '../../../src/front/grpc-web/frame-assembler.ts';
import { FrameWatch } from '../../../src/front/grpc/frame-watch.ts';
import { TargetReader } from '../../../src/front/grpc/target-reader.ts';
import { methods, targetOf } from '../../../src/models/index.ts';
import { framed, predictMessage } from '../../support/index.ts';
import type { Chance } from '../chance.ts';
import { rpcQuestions } from '../corpus.ts';
import { mutate } from '../mutate.ts';
import { ensure, type Parser } from './parser.ts';

const questions = rpcQuestions('m');
const bodies = questions.map(({ body }) => body);
const texts = bodies.map((body) => Buffer.from(body.toString('base64')));

function base64(chance: Chance): void {
  const base = chance.pick(texts).subarray(0, 200);
  const text = chance.percent(80) ? mutate(chance, base, texts) : chance.bytes(chance.size(60));
  const decoder = new Base64Decoder();
  for (const piece of chance.pieces(text)) decoder.push(piece);
  decoder.finish();
}

function watch(chance: Chance): void {
  const body = mutate(chance, chance.pick(bodies), bodies);
  const watch = new FrameWatch(100_000);
  let emitted = 0;
  const assembler = new FrameAssembler((parts) => {
    for (const part of parts) emitted += part.length;
  });
  for (const piece of chance.pieces(body)) {
    assembler.push(piece);
    watch.feed(piece);
  }
  ensure(emitted + assembler.held <= body.length, 'no more comes out than went in');
  ensure(watch.atBoundary === !assembler.cut, 'both know whether a message is under way');
}

const memory = { hold() {} };
const inflateLimits = { maxMessageBytes: 2 ** 20, maxInflateRatio: 100 };
const named = [...methods.values()].filter(({ target }) => target !== undefined);

async function opening(chance: Chance): Promise<void> {
  const method = chance.pick(named);
  const base = chance.percent(50)
    ? (questions.find(({ path }) => path === method.path)?.body ?? chance.pick(bodies))
    : chance.pick(bodies);
  const body = chance.percent(85) ? mutate(chance, base, bodies) : base;
  const encoding = chance.pick(['identity', 'gzip', 'deflate', 'br']);
  const rewritten = { name: 'other', version: 2n, signature: 'other' };
  const reader = new TargetReader({ method, encoding, memory }, inflateLimits, (spec) =>
    targetOf(chance.percent(50) ? rewritten : spec),
  );
  const pieces = chance.pieces(body);
  for (const [i, piece] of pieces.entries()) {
    const opened = reader.push(Buffer.from(piece), i === pieces.length - 1);
    if (opened === undefined) continue;
    const { chunks, spec } = await opened;
    ensure(typeof spec.name === 'string' && chunks.length > 0, 'an opened request goes on');
    return;
  }
  throw new Error('a whole request was neither opened nor refused');
}

const compressed = [gzipSync(predictMessage('m', 100)), gzipSync(Buffer.alloc(100_000))];

async function inflate(chance: Chance): Promise<void> {
  const bytes = mutate(chance, chance.pick(compressed), compressed);
  if (chance.percent(50)) await inflateMessage(bytes, chance.pick(['gzip', 'deflate']), inflateLimits);
  else
    await inflateUntil(bytes, 'gzip', inflateLimits, (soFar, complete) =>
      complete || soFar.length > 5000 ? true : undefined,
    );
}

const statusTexts = ['ok', '%41%zz%', 'a%C3%A9', '%ff', '100 %'].map((text) => Buffer.from(text));

function statusText(chance: Chance): void {
  const text = mutate(chance, chance.pick(statusTexts), statusTexts).toString('latin1');
  const decoded = decodeGrpcMessage(text);
  ensure(/^[\x20-\x7e]*$/.test(encodeGrpcMessage(decoded)), 'an encoded message is printable ASCII');
  errorOf(['grpc-status', chance.pick(['0', '5', '99', '-1', 'x', '']), 'grpc-message', text], 'a');
}

const key = Buffer.alloc(32, 7);
const sealed = seal(key, Buffer.from('an answer'));

function envelope(chance: Chance): void {
  const value = mutate(chance, sealed, [sealed]);
  const answer = open(key, value);
  ensure(answer === undefined || value.equals(sealed), 'only what was sealed opens');
}

function wholeMessage(chance: Chance): void {
  const bytes = mutate(chance, framed(Buffer.from('message')), bodies);
  messageIn(chance.pieces(bytes));
}

export const messageParsers: readonly Parser[] = [
  { name: 'base64', weight: 10, run: base64 },
  { name: 'message prefixes', weight: 8, run: watch },
  { name: 'opening', weight: 8, run: opening },
  { name: 'inflate', weight: 1, run: inflate },
  { name: 'status text', weight: 5, run: statusText },
  { name: 'cache envelope', weight: 2, run: envelope },
  { name: 'whole message', weight: 3, run: wholeMessage },
];
