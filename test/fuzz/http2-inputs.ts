/**
 * What one HTTP/2 connection sends: requests by the grammar, frames by chance, and both with bytes that are wrong
 * (RFC 9113).
 */
import { HpackEncoder } from '../../src/wire/hpack/index.ts';
import { frame, h2, hpackLiterals, preface, rst, settings, uint32, windowUpdate } from '../support/index.ts';
import type { Chance } from './chance.ts';
import type { Questions } from './corpus.ts';
import { randomField } from './fields.ts';
import { mutate } from './mutate.ts';
import { rpcBody } from './rpc-body.ts';
import { oddTarget, randomMethod, randomTarget } from './targets.ts';

export interface Http2Script {
  readonly bytes: Buffer;
  /** Requests, and frames or runs of bytes that are none. */
  readonly inputs: number;
  /** Nothing but whole requests that are well formed: each stream gets one answer. */
  readonly sound: boolean;
  /** Streams that were opened, when it is sound. */
  readonly streams: number;
}

const rpcTypes = [
  'application/grpc',
  'application/grpc',
  'application/grpc+proto',
  'application/grpc-web',
  'application/grpc-web+proto',
  'application/grpc-web-text',
];
const settingIds = [1, 2, 3, 4, 5, 6, 8, 9, 0, 99];
const numbers = [
  0,
  1,
  2,
  100,
  16_383,
  16_384,
  65_535,
  65_536,
  2 ** 20,
  2 ** 24 - 1,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

/** A connection that is being written. */
class Writer {
  readonly chance: Chance;
  readonly questions: Questions;
  readonly parts: Buffer[] = [];
  readonly #encoder = new HpackEncoder();
  inputs = 0;
  streams = 0;
  sound = true;
  #nextId = 1;
  readonly #soundOnly: boolean;

  constructor(chance: Chance, questions: Questions, soundOnly: boolean) {
    this.chance = chance;
    this.#soundOnly = soundOnly;
    this.questions = questions;
  }

  push(...frames: readonly Buffer[]): void {
    this.parts.push(...frames);
  }

  /** An id: mostly one that there is, at times none that may be. */
  someId(): number {
    const { chance } = this;
    const way = chance.below(100);
    if (way < 70) return 1 + 2 * chance.below(Math.max(1, (this.#nextId + 3) / 2));
    if (way < 85) return 0;
    return way < 95 ? chance.below(300) : chance.pick(numbers) % 2 ** 31;
  }

  newId(): number {
    const id = this.#nextId;
    this.#nextId += 2;
    this.streams++;
    return id;
  }

  block(fields: readonly string[], sound: boolean): Buffer {
    const { chance } = this;
    // the encoder's table goes with the block: what is not sent whole must not come from it
    if (sound && chance.percent(60)) return Buffer.from(this.#encoder.encode(fields, []));
    if (sound) return hpackLiterals(fields);
    const literals = hpackLiterals(fields, chance.percent(5));
    return chance.percent(15) ? mutate(chance, literals, [literals], 2) : literals;
  }

  /** HEADERS, with padding and a priority, cut into CONTINUATION frames by chance. */
  head(id: number, block: Buffer, end: boolean): Buffer[] {
    const { chance } = this;
    let flags = end ? h2.END_STREAM : 0;
    let payload = block;
    let rest: Buffer[] = [];
    if (chance.percent(12)) {
      const pieces = chance.pieces(block).slice(0, 10);
      const used = pieces.reduce((sum, piece) => sum + piece.length, 0);
      payload = pieces[0] ?? block;
      rest = [...pieces.slice(1), block.subarray(used)];
    }
    if (chance.percent(8)) {
      flags |= h2.PRIORITY_FLAG;
      payload = Buffer.concat([uint32(0), Buffer.from([16]), payload]);
    }
    if (chance.percent(8)) {
      const padding = chance.below(20);
      flags |= h2.PADDED;
      payload = Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]);
    }
    if (rest.length === 0) flags |= h2.END_HEADERS;
    return [
      frame(h2.HEADERS, flags, id, payload),
      ...rest.map((piece, i) =>
        frame(h2.CONTINUATION, i === rest.length - 1 ? h2.END_HEADERS : 0, id, piece),
      ),
    ];
  }

  /** DATA frames of a body; the last one ends the stream, or an empty one does. */
  data(id: number, body: Buffer, end: boolean): Buffer[] {
    const { chance } = this;
    const out: Buffer[] = [];
    for (const piece of chance.pieces(body)) {
      for (let at = 0; at < piece.length; at += 16_000) {
        const part = piece.subarray(at, at + 16_000);
        if (chance.percent(4)) {
          const padding = chance.below(30);
          const padded = Buffer.concat([Buffer.from([padding]), part, Buffer.alloc(padding)]);
          out.push(frame(h2.DATA, h2.PADDED, id, padded));
        } else out.push(frame(h2.DATA, 0, id, part));
      }
      // as many as the server takes for a flood are another test's
      if (out.length > 60) break;
    }
    if (!end) return out;
    const last = out.at(-1);
    if (last === undefined || chance.percent(20)) out.push(frame(h2.DATA, h2.END_STREAM, id));
    else last[4] = (last[4] as number) | h2.END_STREAM;
    return out;
  }

  request(): void {
    const { chance, questions } = this;
    const sound = this.#soundOnly || chance.percent(75);
    const fields: string[] = [];
    let method = 'POST';
    let path: string;
    let body: Buffer;
    const more: string[] = [];
    if (chance.percent(60)) {
      const question = chance.pick(questions.rpcs);
      const type = chance.pick(rpcTypes);
      ({ path } = question);
      body = rpcBody(chance, question, questions.rpcs, type.includes('text'));
      more.push('content-type', type, 'te', 'trailers');
      const endless = path.endsWith('/Watch');
      if (endless || chance.percent(30)) more.push('grpc-timeout', endless ? '100m' : '2S');
    } else {
      const question = chance.pick(questions.https);
      ({ method, target: path, body } = question);
      if (body.length > 0 && chance.percent(30))
        body = mutate(
          chance,
          body,
          questions.https.map((each) => each.body),
        );
      if (question.type !== undefined) more.push('content-type', question.type);
      more.push(...question.more.flat());
      if (body.length > 0 && chance.percent(50)) more.push('content-length', String(body.length));
    }
    if (!sound) {
      for (let left = 1 + chance.below(3); left > 0; left--) {
        const way = chance.below(100);
        if (way < 10) method = randomMethod(chance);
        else if (way < 20) path = randomTarget(chance);
        else if (way < 30) path = oddTarget(chance, path);
        else more.push(...randomField(chance, way < 45));
      }
    }
    fields.push(':method', method, ':scheme', 'http', ':path', path, ':authority', 'fuzz', ...more);
    if (!sound && chance.percent(15)) fields.splice(2 * chance.below(4), 2);
    if (!sound && chance.percent(10))
      fields.push(chance.pick([':method', ':status', ':x', ':protocol', ':path']), 'GET');
    const id = this.newId();
    const cut = !sound && chance.percent(20);
    const trailers = !cut && chance.percent(5);
    const end = body.length === 0 && !cut && !trailers && chance.percent(70);
    if (!sound) this.sound = false;
    const frames = this.head(id, this.block(fields, sound), end);
    if (!end) frames.push(...this.data(id, body, !cut && !trailers));
    if (trailers) frames.push(...this.head(id, this.block(['x-trailer', 'yes'], sound), true));
    if (cut && chance.percent(60)) frames.push(rst(id, chance.below(15)));
    if (!sound && chance.percent(10)) {
      const at = chance.below(frames.length);
      frames[at] = mutate(chance, frames[at] as Buffer, frames, 2);
    }
    this.push(...frames);
  }

  /** Frames that are allowed, more or less. */
  control(): void {
    const { chance } = this;
    const id = this.someId();
    switch (chance.below(8)) {
      case 0:
        this.push(windowUpdate(id, chance.pick(numbers) % 2 ** 31));
        break;
      case 1:
        this.push(
          settings(
            Array.from({ length: chance.below(4) }, () => [chance.pick(settingIds), chance.pick(numbers)]),
          ),
        );
        break;
      case 2:
        this.push(frame(h2.PING, chance.below(2), 0, chance.bytes(8)));
        break;
      case 3:
        this.push(frame(h2.PRIORITY, 0, id, Buffer.concat([uint32(chance.below(10)), Buffer.from([1])])));
        break;
      case 4:
        this.push(rst(id, chance.below(20)));
        break;
      case 5:
        this.push(
          frame(
            h2.GOAWAY,
            0,
            0,
            Buffer.concat([uint32(id), uint32(chance.below(15)), chance.bytes(chance.size(20))]),
          ),
        );
        break;
      case 6:
        this.push(frame(10 + chance.below(200), chance.below(256), id, chance.bytes(chance.size(100))));
        break;
      default:
        this.push(frame(h2.DATA, chance.below(2), id, chance.bytes(chance.size(100))));
    }
  }

  /** Frames that chance alone made. */
  noise(): void {
    const { chance } = this;
    const payload = chance.bytes(chance.size(300));
    const id = this.someId();
    const way = chance.below(10);
    if (way < 3) this.push(...this.head(this.newId(), payload, chance.percent(50)));
    else if (way < 8) this.push(frame(chance.below(11), chance.below(256), id, payload));
    else if (way < 9)
      this.push(frame(chance.below(11), chance.below(256), id, payload, chance.pick(numbers) % 2 ** 24));
    else this.push(payload);
  }
}

const greetings = (chance: Chance): [number, number][] =>
  chance.pick<[number, number][]>([
    [],
    [[4, 2 ** 20]],
    [
      [1, 0],
      [4, 100],
    ],
    [[2, 0]],
    [[3, 1]],
    [[5, 2 ** 20]],
    [[4, 2 ** 31 - 1]],
    [[6, 100]],
    [[4, 0]],
  ]);

/** @param soundOnly for fuzz of others than the doors */
export function http2Script(chance: Chance, questions: Questions, soundOnly = false): Http2Script {
  const writer = new Writer(chance, questions, soundOnly);
  const odd = !soundOnly && chance.percent(6);
  if (odd) {
    writer.sound = false;
    writer.push(mutate(chance, Buffer.concat([preface, settings()]), [preface], 2));
  } else {
    const greeting = greetings(chance);
    const roomy = chance.percent(92);
    writer.push(preface, settings(greeting));
    if (roomy) writer.push(windowUpdate(0, 2 ** 24));
    // answers that have no room are never whole
    if (!roomy || greeting.some(([id, value]) => id === 4 && value < 2 ** 20)) writer.sound = false;
  }
  const pure = soundOnly || chance.percent(40);
  const count = 1 + chance.below(chance.percent(70) ? 6 : 40);
  for (let i = 0; i < count; i++) {
    writer.inputs++;
    const way = pure ? 0 : chance.below(100);
    if (way < 75) writer.request();
    else if (way < 93) {
      writer.sound = false;
      writer.control();
    } else {
      writer.sound = false;
      writer.noise();
    }
  }
  let bytes = Buffer.concat(writer.parts);
  if (!pure && chance.percent(15)) {
    writer.sound = false;
    const from = preface.length + 9;
    bytes = Buffer.concat([bytes.subarray(0, from), mutate(chance, bytes.subarray(from), writer.parts)]);
  }
  return { bytes, inputs: writer.inputs, sound: writer.sound, streams: writer.streams };
}
