/** A Redis of a test's own that answers what the test wants, be it no answer that a Redis would give. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

/** What the fake answers to a command; undefined: nothing. */
export type RedisScript = (command: string, args: readonly string[]) => string | undefined;

export interface FakeRedis {
  readonly url: string;
  /** Commands that came, PING and the connection's own apart. */
  readonly asked: number;
  script: RedisScript;
  close(): void;
}

/** Speaks as much RESP as ioredis needs: arrays of bulk strings in, whatever the script says out. */
export async function startFakeRedis(script: RedisScript): Promise<FakeRedis> {
  const sockets = new Set<Socket>();
  let asked = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      for (;;) {
        const { words, rest } = commandIn(text);
        if (words === undefined) break;
        text = rest;
        const [command = '', ...args] = words;
        if (!['ping', 'client', 'info', 'select'].includes(command.toLowerCase())) asked++;
        const answer = fake.script(command.toUpperCase(), args);
        if (answer !== undefined) socket.write(answer, 'latin1');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fake: FakeRedis = {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get asked() {
      return asked;
    },
    script,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return fake;
}

/** The first command of a text, when it is whole. */
function commandIn(text: string): { words?: string[]; rest: string } {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return { rest: text };
  let at = head[0].length;
  const words: string[] = [];
  for (let i = 0; i < Number(head[1]); i++) {
    const size = /^\$(\d+)\r\n/.exec(text.slice(at, at + 30));
    if (size === null) return { rest: text };
    const from = at + size[0].length;
    at = from + Number(size[1]) + 2;
    if (text.length < at) return { rest: text };
    words.push(text.slice(from, at - 2));
  }
  return { words, rest: text.slice(at) };
}
