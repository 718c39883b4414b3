/**
 * Bodies of gRPC and gRPC-Web calls: valid ones, in base64 where the mode is text, and what becomes of them when
 * bytes are wrong.
 */
import type { Chance } from './chance.ts';
import type { RpcQuestion } from './corpus.ts';
import { mutate } from './mutate.ts';

function inText(chance: Chance, body: Buffer): Buffer {
  if (chance.percent(60)) return Buffer.from(body.toString('base64'));
  // padded pieces in a row, as streaming clients send them
  const pieces = chance.pieces(body).map((piece) => piece.toString('base64'));
  return Buffer.from(pieces.join(chance.percent(10) ? '\r\n' : ''));
}

/** @param text whether the content type asks for base64 */
export function rpcBody(
  chance: Chance,
  question: RpcQuestion,
  all: readonly RpcQuestion[],
  text: boolean,
): Buffer {
  const others = all.map(({ body }) => body);
  const way = chance.below(100);
  if (way < 6) return chance.bytes(chance.size(300));
  if (way < 8) return Buffer.from('!!!!');
  if (way < 10) return Buffer.alloc(0);
  let { body } = question;
  if (way < 45) body = mutate(chance, body, others, 2);
  else if (way < 50) body = Buffer.concat([body, chance.pick(others)]);
  if (!text) return body;
  const encoded = chance.percent(95) ? inText(chance, body) : body;
  return chance.percent(20) ? mutate(chance, encoded, others, 2) : encoded;
}
