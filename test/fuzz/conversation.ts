/** One connection of an attacker: sends its bytes in pieces and ends it in one of the ways that there are. */
import { connect, type Socket } from 'node:net';
import { resetSocket } from '../support/index.ts';
import type { Chance } from './chance.ts';

/**
 * wait: open until all is answered, or until the gateway has been quiet. linger: the same, for a while longer.
 * fin: half-closed behind the last byte, which HTTP/1 clients do who are gone, and read to the gateway's end.
 * rst, cut: reset, or closed, somewhere on the way.
 */
export type Ending = 'fin' | 'wait' | 'linger' | 'rst' | 'cut';

export interface Conversation {
  readonly ending: Ending;
  /** The gateway has ended the connection in order: everything that it had to say is here. */
  readonly ended: boolean;
  /** Some of the bytes were never sent. */
  readonly unsent: boolean;
  readonly bytes: Buffer;
}

export interface ConversationOptions {
  /** "127.0.0.1:PORT" */
  readonly address: string;
  readonly chance: Chance;
  readonly bytes: Buffer;
  /** Gets what comes, as it comes, beside it being kept. */
  readonly onData?: (chunk: Buffer) => void;
  /** True when all is answered; undefined where nobody knows how much that is. */
  readonly isDone: ((received: readonly Buffer[]) => boolean) | undefined;
}

const quietMs = 25;
const lingerMs = 400;
/** The gateway's deadlines and timeouts under fuzz are far below. */
export const stuckMs = 15_000;

const endings: readonly (readonly [number, Ending])[] = [
  [50, 'wait'],
  [1, 'linger'],
  [25, 'fin'],
  [12, 'rst'],
  [12, 'cut'],
];

/** An address of its own for each connection: whoever counts clients by address sees many. */
const localAddress = (chance: Chance): string =>
  `127.${1 + chance.below(200)}.${chance.below(250)}.${2 + chance.below(250)}`;

/** @throws Error when a half-closed connection is not ended, or not all is answered, in 15 s */
export async function converse(options: ConversationOptions): Promise<Conversation> {
  const { chance, bytes, address } = options;
  const [host = '', port] = address.split(':');
  const ending = chance.weighted(endings);
  const breaks = ending === 'rst' || ending === 'cut';
  const pieces = chance.pieces(breaks ? bytes.subarray(0, chance.below(bytes.length + 1)) : bytes);
  const socket = connect({
    host,
    port: Number(port),
    localAddress: localAddress(chance),
    allowHalfOpen: true,
  });
  socket.setNoDelay(true);
  const received: Buffer[] = [];
  let over = false;
  let ended = false;
  let wake = (): void => undefined;
  socket.on('error', () => undefined);
  socket.on('close', () => {
    over = true;
    wake();
  });
  socket.on('end', () => {
    ended = true;
    wake();
  });
  socket.on('data', (chunk: Buffer) => {
    received.push(chunk);
    options.onData?.(chunk);
    wake();
  });
  /** The next thing that happens on the socket, or so many ms; false when it was the time. */
  const next = (ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms);
      wake = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', () => resolve());
  });
  let unsent = false;
  for (const piece of pieces) {
    if (over) {
      unsent = true;
      break;
    }
    socket.write(piece);
    if (pieces.length > 1) for (let turns = chance.below(3); turns > 0; turns--) await turn();
  }
  if (ending === 'fin') socket.end();
  const isDone = (): boolean => options.isDone?.(received) === true;
  const mustAnswer = ending === 'wait' && options.isDone !== undefined;
  const deadline = performance.now() + (ending === 'linger' ? lingerMs : stuckMs);
  if (!breaks) {
    while (!over && !ended && !isDone()) {
      const left = deadline - performance.now();
      if (left <= 0) break;
      const happened = await next(ending === 'wait' && !mustAnswer ? quietMs : left);
      if (!happened) break;
    }
    if (!over && !ended && !isDone() && (ending === 'fin' || mustAnswer)) {
      socket.destroy();
      const what = ending === 'fin' ? 'a half-closed connection was not ended' : 'not all was answered';
      throw new Error(
        `${what} within ${stuckMs} ms\n  sent: ${excerpt(bytes)}\n  came: ${excerpt(Buffer.concat(received))}`,
      );
    }
  } else for (let turns = chance.below(4); turns > 0; turns--) await turn();
  close(socket, ending, chance);
  return { ending, ended, unsent, bytes: Buffer.concat(received) };
}

function close(socket: Socket, ending: Ending, chance: Chance): void {
  // a reset leaves no connection in TIME_WAIT, of which the kernel has only so many
  if (ending === 'rst' || (ending !== 'cut' && ending !== 'fin' && chance.percent(80))) resetSocket(socket);
  // at once: the reset would wait for what is written, and the gateway may never read that
  socket.destroy();
}

/** Bytes as a person can read them, the beginning of them. */
export function excerpt(bytes: Buffer, most = 1500): string {
  const text = bytes.toString('latin1', 0, most);
  return /^[\t\r\n -~]*$/.test(text.slice(0, 40)) ? JSON.stringify(text) : bytes.toString('hex', 0, most);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
