/**
 * A generative server as OpenVINO Model Server has it, without a model: it streams words with pauses, and remembers
 * what it saw.
 */
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  body: string;
  /** When the client's leaving was seen, in ms on the monotonic clock. */
  leftAtMs: number | undefined;
}

export interface GenerativeServer {
  readonly port: number;
  /** "http://127.0.0.1:PORT" */
  readonly url: string;
  readonly name: string;
  /** Requests but for health checks and model lists. */
  readonly seen: SeenRequest[];
  /** What the health check is told. */
  health: number;
  /** Answers instead of the usual when it is set. */
  answer: ((request: IncomingMessage, response: ServerResponse, seen: SeenRequest) => void) | undefined;
  close(): Promise<void>;
}

export interface GenerativeOptions {
  readonly port?: number;
  /** Between two events, in ms; the default. A request can ask for another: "x-pause-ms", "x-events". */
  readonly pauseMs?: number;
  readonly events?: number;
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly models?: readonly string[];
}

const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };

interface Asked {
  readonly model?: string;
  readonly stream?: boolean;
}

/** What a body asks for; undefined when it is no JSON object. */
function askedIn(body: string): Asked | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** One event of a chat completion; carries the moment of its writing, so that latency can be told. */
function chunk(model: string, content: string): string {
  const body = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model,
    sent_at: performance.now(),
    choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: null }],
  };
  return `data: ${JSON.stringify(body)}\n\n`;
}

export async function startGenerativeServer(options: GenerativeOptions = {}): Promise<GenerativeServer> {
  const models = options.models ?? ['tiny-llm', 'acme/slash-llm'];
  const seen: SeenRequest[] = [];

  function stream(request: IncomingMessage, response: ServerResponse, model: string): void {
    const pauseMs = Number(request.headers['x-pause-ms'] ?? options.pauseMs ?? 20);
    const events = Number(request.headers['x-events'] ?? options.events ?? 5);
    response.writeHead(200, { ...cors, 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    let sent = 0;
    const next = (): void => {
      if (sent === events) {
        response.end('data: [DONE]\n\n');
        return;
      }
      response.write(chunk(model, `word${sent++} `));
      timer = setTimeout(next, pauseMs);
    };
    // the head goes out first, as from a server that waits for its first token
    response.flushHeaders();
    let timer = setTimeout(next, pauseMs);
    response.once('close', () => {
      clearTimeout(timer);
    });
  }

  function usual(request: IncomingMessage, response: ServerResponse, entry: SeenRequest): void {
    const json = (status: number, value: object): void => {
      response.writeHead(status, { ...cors, 'content-type': 'application/json' });
      response.end(JSON.stringify(value));
    };
    if (request.method === 'POST' && entry.url.endsWith('/chat/completions')) {
      const asked = askedIn(entry.body);
      const { model = '', stream: wanted } = asked ?? {};
      if (asked === undefined) json(400, { error: 'the body is no JSON object' });
      else if (!models.includes(model)) json(404, { error: `Model ${model} not found` });
      else if (wanted === true) stream(request, response, model);
      else
        json(200, {
          id: 'chatcmpl-1',
          object: 'chat.completion',
          created: 1,
          model,
          choices: [{ index: 0, message: { role: 'assistant', content: 'a word' }, finish_reason: 'stop' }],
        });
    } else json(200, { method: request.method, url: entry.url, headers: request.headers, body: entry.body });
  }

  const serve: RequestListener = (request, response) => {
    const url = request.url ?? '';
    if (url === '/v2/health/ready') {
      response.writeHead(server.health).end();
      return;
    }
    if (url === '/v3/models' && request.headers['user-agent'] === 'tensorgate-health') {
      response.end(list());
      return;
    }
    const entry: SeenRequest = {
      method: request.method ?? '',
      url,
      headers: request.headers,
      body: '',
      leftAtMs: undefined,
    };
    seen.push(entry);
    response.once('close', () => {
      if (!response.writableFinished) entry.leftAtMs = performance.now();
    });
    if (server.answer !== undefined) {
      server.answer(request, response, entry);
      return;
    }
    if (url === '/v3/models') {
      response.writeHead(200, { ...cors, 'content-type': 'application/json' });
      response.end(list());
      return;
    }
    request.setEncoding('latin1');
    request.on('data', (text: string) => (entry.body += text));
    request.on('end', () => {
      usual(request, response, entry);
    });
  };
  const list = (): string =>
    JSON.stringify({
      object: 'list',
      data: models.map((id) => ({ id, object: 'model', created: 1_700_000_000, owned_by: 'OVMS' })),
    });

  const http = options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
  http.listen(options.port ?? 0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const server: GenerativeServer = {
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    name: `127.0.0.1:${port}`,
    seen,
    health: 200,
    answer: undefined,
    async close() {
      http.closeAllConnections();
      http.close();
      if (http.listening) await once(http, 'close');
    },
  };
  return server;
}
