/** The control port: HTTP on loopback through which tests and demos tell a running demo server what to do. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Code, codeName, StatusError } from '../base/status.ts';
import { modelState, type ModelVersionStatus } from '../codec/index.ts';
import { type FaultBox, parseFaults } from './faults.ts';
import type { CallRecord } from './record.ts';
import type { Registry } from './registry.ts';

/** What the port steers. */
export interface Controlled {
  readonly port: number;
  readonly connections: number;
  readonly faults: FaultBox;
  readonly registry: Registry;
  readonly record: CallRecord;
  dropConnections(): void;
}

const stateNames = new Map<number, string>(
  Object.entries(modelState).map(([name, number]) => [number, name]),
);

/** Bodies are a few settings. */
const maxBodyBytes = 65_536;

function describeModels(registry: Registry): object[] {
  return registry.names().map((name) => ({
    name,
    kind: registry.kindOf(name),
    labels: Object.fromEntries(
      [...registry.labelsOf(name)].map(([label, version]) => [label, Number(version)]),
    ),
    versions: registry.status({ name, signature: '' }).map(({ version, state }: ModelVersionStatus) => ({
      version: Number(version),
      state: stateNames.get(state) ?? 'UNKNOWN',
    })),
  }));
}

function describe(server: Controlled, name: string): object {
  const faults = server.faults.current;
  return {
    name,
    pid: process.pid,
    port: server.port,
    connections: server.connections,
    inFlight: server.record.inFlight,
    maxInFlight: server.record.maxInFlight,
    misdirected: server.record.misdirected,
    calls: Object.fromEntries(server.record.counts()),
    faults: { ...faults, failCode: codeName(faults.failCode) },
    models: describeModels(server.registry),
  };
}

function describeLast(record: CallRecord): object {
  const { last } = record;
  if (last === undefined) return {};
  const { request, ...rest } = last;
  return { ...rest, request: request === undefined ? null : Buffer.from(request).toString('base64') };
}

type Body = Readonly<Record<string, unknown>>;

const bad = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

function numberIn(body: Body, name: string): number {
  const value = body[name] ?? 0;
  if (typeof value !== 'number' || !(value >= 0)) throw bad(`${name}: expected a number of milliseconds`);
  return value;
}

/** Load and unload: POST /models/NAME/versions/N/load|unload. */
function changeVersion(registry: Registry, name: string, version: bigint, verb: string, body: Body): void {
  if (verb === 'unload') {
    registry.unload(name, version, numberIn(body, 'unloadingMs'));
    return;
  }
  const { error } = body;
  if (error !== undefined && typeof error !== 'string') throw bad('error: expected a text');
  registry.load(name, version, { loadingMs: numberIn(body, 'loadingMs'), error });
}

function route(server: Controlled, name: string, method: string, path: string, body: Body): object {
  const version = /^\/models\/([^/]+)\/versions\/(\d{1,18})\/(load|unload)$/.exec(path);
  if (method === 'GET' && path === '/') return describe(server, name);
  if (method === 'GET' && path === '/last') return describeLast(server.record);
  if (method === 'POST' && path === '/reset') {
    server.record.reset();
    return {};
  }
  if (method === 'POST' && path === '/faults') server.faults.set(parseFaults(body));
  else if (method === 'DELETE' && path === '/faults') server.faults.clear();
  else if (method === 'POST' && path === '/connections/drop') server.dropConnections();
  else if (method === 'POST' && version !== null) {
    const [, model = '', number = '', verb = ''] = version;
    changeVersion(server.registry, decodeURIComponent(model), BigInt(number), verb, body);
  } else {
    throw new StatusError(
      Code.NOT_FOUND,
      `no ${method} ${path}: there are GET / and /last, POST and DELETE /faults, POST /reset, /connections/drop ` +
        'and /models/NAME/versions/N/load or unload',
    );
  }
  return describe(server, name);
}

async function bodyOf(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw bad(`body is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw bad('body is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('body is not an object');
  return value as Body;
}

async function answer(
  server: Controlled,
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  let status = 200;
  let reply: object;
  try {
    reply = route(server, name, request.method ?? '', request.url ?? '', await bodyOf(request));
  } catch (reason) {
    const error = StatusError.from(reason);
    status = error.code === Code.NOT_FOUND ? 404 : error.code === Code.INVALID_ARGUMENT ? 400 : 500;
    reply = { error: error.message };
  }
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(reply)}\n`);
}

/** Listens on 127.0.0.1 only: whoever reaches this port can break the server, that is its purpose. */
export async function startControl(
  port: number,
  server: Controlled,
  name: string,
): Promise<{ port: number; close(): Promise<void> }> {
  const http: Server = createServer((request, response) => void answer(server, name, request, response));
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, '127.0.0.1', resolve);
  });
  return {
    port: (http.address() as AddressInfo).port,
    async close() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
