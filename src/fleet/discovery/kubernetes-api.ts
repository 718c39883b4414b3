/**
 * The little of the Kubernetes API that is needed: a GET that gives JSON, and one that gives JSON lines as they come.
 */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { guarded } from '../../base/faults.ts';
import { parseControlJson } from '../../codec/index.ts';

export interface ApiServer {
  /** "https://10.96.0.1:443"; http only for a proxy beside the gateway (kubectl proxy). */
  readonly url: string;
  /** Files, read anew for each request since they are rotated; empty for none. */
  readonly tokenFile: string;
  readonly caFile: string;
}

/** An answer that is not 200, or an ERROR event. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(`the Kubernetes API answered ${status}: ${text.slice(0, 200)}`);
    this.status = status;
  }
}

export interface Api {
  get(path: string, signal: AbortSignal): Promise<unknown>;
  /**
   * Lines until the server ends the answer, which begins within 10 s as any other.
   * @param idleMs silence in it after which the connection is given up
   */
  lines(path: string, signal: AbortSignal, idleMs: number): AsyncGenerator<string>;
  close(): void;
}

/** A slice holds up to 1,000 endpoints of a few hundred bytes; a page of 500 slices is far below. In bytes. */
const maxBodyBytes = 64 * 2 ** 20;
const maxLineBytes = 4 * 2 ** 20;
/** Until an answer begins, the connection included; and silence within one that is no watch. In ms. */
const timeoutMs = 10_000;
/** Dead peers are noticed by the kernel between events, in ms. */
const keepAliveMs = 30_000;

/**
 * Creates a client of the Kubernetes API server. Its requests fail with ApiError for a status other than 200, and
 * with Error when the connection fails, the answer does not begin within 10 s, is then silent for too long (`get()`:
 * 10 s) or a size limit is exceeded. An answer with an error has 10 s as a whole.
 */
export function createApi(server: ApiServer): Api {
  const secure = server.url.startsWith('https:');
  const options = { keepAlive: true, keepAliveMsecs: keepAliveMs };
  const agent = secure ? new Agent(options) : new HttpAgent(options);

  async function open(path: string, signal: AbortSignal, idleMs = timeoutMs): Promise<IncomingMessage> {
    const [token, ca] = await Promise.all([
      server.tokenFile === '' ? '' : readFile(server.tokenFile, 'utf8'),
      server.caFile === '' ? undefined : readFile(server.caFile, 'utf8'),
    ]);
    const headers = {
      accept: 'application/json',
      'user-agent': 'tensorgate',
      ...(token === '' ? {} : { authorization: `Bearer ${token.trim()}` }),
    };
    return new Promise((resolve, reject) => {
      const request = (secure ? httpsRequest : httpRequest)(new URL(path, server.url), {
        agent,
        headers,
        signal,
        ...(ca === undefined ? {} : { ca }),
      });
      // a server that is starting accepts connections, and says nothing on them
      let whole: IncomingMessage | undefined;
      const late = setTimeout(
        guarded('backend', () => {
          (whole ?? request).destroy(new Error(`no answer within ${timeoutMs} ms`));
        }),
        timeoutMs,
      ).unref();
      // more than one may come: whoever waited was told of the first
      request.on('error', (reason) => {
        clearTimeout(late);
        reject(reason);
      });
      request.once('response', (response) => {
        response.setEncoding('utf8');
        // an error is a short text, and is here as a whole by then: only what was asked for may take its time
        if (response.statusCode === 200) {
          clearTimeout(late);
          request.setTimeout(idleMs, () => response.destroy(new Error(`silent for ${idleMs} ms`)));
        } else {
          whole = response;
          response.once('close', () => {
            clearTimeout(late);
          });
        }
        resolve(response);
      });
      request.end();
    });
  }

  return {
    async get(path, signal) {
      const response = await open(path, signal);
      const text = await textOf(response);
      if (response.statusCode !== 200) throw new ApiError(response.statusCode ?? 0, text);
      return parseControlJson(Buffer.from(text), { bytes: 4 * maxBodyBytes });
    },
    async *lines(path, signal, idleMs) {
      const response = await open(path, signal, idleMs);
      if (response.statusCode !== 200) throw new ApiError(response.statusCode ?? 0, await textOf(response));
      let rest = '';
      for await (const chunk of response as AsyncIterable<string>) {
        const parts = chunk.split('\n');
        const last = parts.pop() as string;
        for (const part of parts) {
          const line = rest + part;
          rest = '';
          if (line !== '') yield line;
        }
        rest += last;
        if (rest.length > maxLineBytes) throw new Error(`an event is longer than ${maxLineBytes} bytes`);
      }
    },
    close: () => {
      agent.destroy();
    },
  };
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > maxBodyBytes) throw new Error(`an answer is longer than ${maxBodyBytes} bytes`);
  }
  return text;
}
