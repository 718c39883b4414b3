/**
 * Asks a server with curl, by a command that anybody can repeat, and keeps what it answered: status, fields, body,
 * trailers.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../support/index.ts';
import type { Question } from './questions.ts';

export interface Answer {
  readonly what: string;
  readonly over: 'grpc' | 'http';
  /** What was run; SERVER stands for its address. */
  readonly command: string;
  /** "HTTP/2 200" */
  readonly status: string;
  /** Header fields and, behind them, trailers, as they came; without those that differ each time. */
  readonly fields: readonly string[];
  /** Text; of gRPC in hexadecimal. */
  readonly body: string;
}

export interface Recording {
  readonly server: string;
  readonly answers: readonly Answer[];
}

/** They say when, and with what, and are no part of an answer. */
const passing = /^(date|server|x-envoy-[a-z-]+|x-request-id|x-served-by):/;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The request as it is sent: a gRPC message with its prefix. */
function bytesOf({ over, body }: Question): Buffer {
  if (over === 'http') return Buffer.from(body);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

function commandOf(question: Question): string {
  const { over, method, path } = question;
  const url = `http://SERVER${path}`;
  if (method === 'GET') return `curl -s -i ${url}`;
  const bytes = bytesOf(question);
  const body =
    over === 'grpc' ? `echo ${bytes.toString('hex')} | xxd -r -p` : `printf %s ${quoted(bytes.toString())}`;
  const head =
    over === 'grpc'
      ? "--http2-prior-knowledge -H 'content-type: application/grpc' -H 'te: trailers'"
      : "-H 'content-type: application/json'";
  return `${body} | curl -s -i ${head} --data-binary @- ${url}`;
}

/** CURLE_HTTP2_STREAM. */
const lostByCurl = 92;

/** @param address "127.0.0.1:PORT" of the server that speaks what the question is in */
export async function ask(address: string, question: Question): Promise<Answer> {
  const { what, over, method, path } = question;
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-ask-'));
  const file = (name: string): string => join(folder, name);
  try {
    writeFileSync(file('request'), bytesOf(question));
    const grpc = ['--http2-prior-knowledge', '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
    const head = over === 'grpc' ? grpc : ['-H', 'content-type: application/json'];
    const sent = method === 'GET' ? [] : [...head, '--data-binary', `@${file('request')}`];
    const output = ['-s', '-S', '-m', '10', '-D', file('head'), '-o', file('body')];
    const send = (): ReturnType<typeof run> => run('curl', [...output, ...sent, `http://${address}${path}`]);
    let { code, stderr } = await send();
    // curl now and then loses an answer behind which the server resets the stream at once: what the server says is
    // asked here, not curl
    for (let i = 0; i < 5 && code === lostByCurl; i++) ({ code, stderr } = await send());
    const lines = readFileSync(file('head'), 'latin1').split('\r\n');
    const [status] = lines;
    if (status === undefined || status === '') throw new Error(`${what}: no answer: ${stderr}`);
    const fields = lines.slice(1).filter((line) => line !== '' && !passing.test(line));
    const body = readFileSync(file('body'));
    return {
      what,
      over,
      command: commandOf(question),
      status: status.trim(),
      fields,
      body: over === 'grpc' ? body.toString('hex') : body.toString(),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A field of an answer, as it came. */
export function fieldIn({ fields }: Answer, name: string): string | undefined {
  const line = fields.find((each) => each.startsWith(`${name}: `));
  return line?.slice(name.length + 2);
}

/** A gRPC status as clients see it: percent-decoded, white space at the end included. */
export function statusIn(answer: Answer): { code: number; message: string } {
  return {
    code: Number(fieldIn(answer, 'grpc-status') ?? 2),
    message: decodeURIComponent(fieldIn(answer, 'grpc-message') ?? ''),
  };
}

export function recording(name: 'tensorflow' | 'triton' | 'mlserver'): Recording {
  return JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8')) as Recording;
}
