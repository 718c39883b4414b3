/**
 * Answers of a gRPC server as none should give them: frames, fields and messages in any order, with anything in them.
 */
import {
  dataFrames,
  frame,
  grpcHeaders,
  h2,
  headers,
  predictReply,
  rawAnswer,
  type RawCall,
  resetSocket,
  rst,
  settings,
  uint32,
  windowUpdate,
} from '../../support/index.ts';
import type { Chance } from '../chance.ts';
import { randomField } from '../fields.ts';
import { mutate } from '../mutate.ts';

const numbers = [0, 1, 100, 16_384, 65_535, 2 ** 20, 2 ** 31 - 1];
const statuses = ['0', '1', '3', '5', '8', '13', '14', '16', '17', '99', '-1', '', 'x', '0, 0'];
const httpStatuses = [
  '200',
  '100',
  '101',
  '204',
  '304',
  '400',
  '404',
  '429',
  '500',
  '503',
  '099',
  '999',
  '',
  'x',
];

function fields(chance: Chance, most: number): string[] {
  const list: string[] = [];
  for (let left = chance.below(most + 1); left > 0; left--) {
    const [name, value] = randomField(chance, true);
    list.push(chance.percent(95) ? name.toLowerCase() : name, value);
  }
  return list;
}

function message(chance: Chance): Buffer {
  const way = chance.below(10);
  if (way < 5) return predictReply;
  return way < 8 ? mutate(chance, predictReply, [predictReply]) : chance.bytes(chance.size(3000));
}

function data(chance: Chance, id: number): Buffer {
  const frames = dataFrames(id, message(chance));
  const way = chance.below(10);
  // the message's own prefix, behind the frame's head
  if (way === 0) frames[9] = chance.below(256);
  if (way === 1 && frames.length > 14) frames.writeUInt32BE(chance.pick(numbers), 10);
  return frames;
}

function someFrame(chance: Chance, id: number): Buffer {
  const other = chance.percent(70) ? id : chance.below(200);
  switch (chance.below(9)) {
    case 0:
      return rst(other, chance.below(16));
    case 1:
      return frame(h2.GOAWAY, 0, 0, Buffer.concat([uint32(chance.below(300)), uint32(chance.below(15))]));
    case 2:
      return settings([[chance.below(8), chance.pick(numbers)]]);
    case 3:
      return windowUpdate(chance.percent(50) ? 0 : other, chance.pick(numbers));
    case 4:
      return frame(h2.PING, chance.below(2), 0, chance.bytes(8));
    case 5:
      return frame(h2.PUSH_PROMISE, h2.END_HEADERS, other, chance.bytes(chance.size(50)));
    case 6:
      return headers(other, fields(chance, 4), h2.END_HEADERS | (chance.percent(50) ? h2.END_STREAM : 0));
    case 7:
      return frame(chance.below(12), chance.below(256), other, chance.bytes(chance.size(200)));
    default:
      return frame(h2.DATA, chance.below(2), other, chance.bytes(chance.size(100)));
  }
}

/** Answers a call in some way, or not at all. */
export function answerOddly(chance: Chance, call: RawCall): void {
  const { id } = call;
  const way = chance.below(100);
  if (way < 12) {
    call.send(rawAnswer(id, predictReply));
    return;
  }
  if (way < 14) return;
  if (way < 16) {
    if (chance.percent(50)) resetSocket(call.socket);
    else call.socket.destroy();
    return;
  }
  const status = ['grpc-status', chance.pick(statuses), ...fields(chance, 3)];
  const frames: Buffer[] =
    way < 30
      ? [
          headers(
            id,
            [':status', chance.pick(httpStatuses), 'content-type', 'application/grpc', ...status],
            h2.END_HEADERS | h2.END_STREAM,
          ),
        ]
      : [
          way < 75
            ? grpcHeaders(id, fields(chance, 3))
            : headers(id, [':status', chance.pick(httpStatuses), ...fields(chance, 4)]),
          ...Array.from({ length: chance.pick([0, 1, 1, 1, 2]) }, () => data(chance, id)),
          headers(id, status, h2.END_HEADERS | h2.END_STREAM),
        ];
  if (chance.percent(25)) frames.splice(chance.below(frames.length + 1), 0, someFrame(chance, id));
  if (chance.percent(8)) frames.splice(chance.below(frames.length), 1);
  if (frames.length > 0 && chance.percent(5)) frames.push(chance.pick(frames));
  let bytes: Buffer = Buffer.concat(frames);
  if (chance.percent(20)) bytes = mutate(chance, bytes, frames, 2);
  for (const piece of chance.pieces(bytes)) call.send(piece);
}
