/**
 * V2 servers with Triton's extensions over either transport, whose answers a test sets; and a client of gRPC that
 * sees the fields of an answer.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { codeName } from '../../src/base/status.ts';
import { getMetadata, prefixBytes } from '../../src/call/index.ts';
import {
  decodeModelVersionRequest,
  decodeRepositoryChange,
  decodeSettings,
  encodeModelConfigResponse,
  encodeModelMetadataResponse,
  encodeModelStatisticsResponse,
  encodeRepositoryIndexResponse,
  encodeSettings,
  type ExactJson,
  exactJsonText,
  type ExactObject,
  readExactObject,
  repositoryParametersIn,
  settingsIn,
  type V2RepositoryChange,
} from '../../src/codec/index.ts';
import { framed } from '../support/index.ts';
import { startWireServer } from '../support/wire.ts';

export interface WideServer {
  /** "127.0.0.1:PORT" */
  readonly name: string;
  readonly url: string;
  /** JSON as Triton writes it; by model. */
  readonly configs: Record<string, string>;
  /** Entries of model_stats. */
  readonly stats: Record<string, string>;
  /** Never answers about configuration and statistics. */
  silent: boolean;
  /** What load and unload are refused with. */
  refuses: string | undefined;
  readonly changes: (Pick<V2RepositoryChange, 'model' | 'parameters'> & { readonly what: string })[];
  /** JSON, as Triton writes it; what is set is merged. */
  readonly settings: Record<'trace' | 'logging', Record<string, ExactJson>>;
  /** Questions about configuration, statistics and the list of models. */
  readonly asked: string[];
  stop(): void;
}

type State = Omit<WideServer, 'name' | 'url' | 'stop'>;
const metadataOf = (name: string) => ({ name, versions: ['1'], platform: 'p', inputs: [], outputs: [] });
const bytes = (text: string): ExactObject => readExactObject(Buffer.from(text));

function statsOf({ stats }: State, model: string): string | undefined {
  if (model === '') return `{"model_stats":[${Object.values(stats).join(',')}]}`;
  return stats[model] === undefined ? undefined : `{"model_stats":[${stats[model]}]}`;
}
const indexOf = ({ configs }: State) =>
  Object.keys(configs).map((name) => ({ name, version: '1', state: 'READY', reason: '' }));

function changed(
  state: State,
  what: string,
  change: Pick<V2RepositoryChange, 'model' | 'parameters'>,
): boolean {
  state.changes.push({ what, model: change.model, parameters: change.parameters });
  if (state.refuses !== undefined) return false;
  if (what === 'unload') delete state.configs[change.model];
  else state.configs[change.model] ??= `{"name":"${change.model}"}`;
  return true;
}

async function startRest(state: State): Promise<Pick<WideServer, 'name' | 'url' | 'stop'>> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = (request.url ?? '').replace('/versions/1', '');
      const say = (body: string | undefined, status = body === undefined ? 404 : 200): void => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(body ?? '{"error":"unknown model"}');
      };
      const [, model = '', last] = /^\/v2\/models\/([^/]+)(?:\/(ready|config|stats))?$/.exec(path) ?? [];
      const change = /^\/v2\/repository\/models\/([^/]+)\/(load|unload)$/.exec(path);
      if (change !== null) {
        const parameters = repositoryParametersIn(Buffer.concat(chunks));
        const well = changed(state, change[2] as string, { model: change[1] as string, parameters });
        say(well ? '' : JSON.stringify({ error: state.refuses }), well ? 200 : 400);
        return;
      }
      const kind = path === '/v2/logging' ? 'logging' : path === '/v2/trace/setting' ? 'trace' : undefined;
      if (kind !== undefined) {
        Object.assign(state.settings[kind], settingsIn(Buffer.concat(chunks)));
        say(exactJsonText(state.settings[kind]));
        return;
      }
      const memory = /^\/v2\/(system|cuda)sharedmemory(?:\/region\/([^/]+))?\/(\w+)$/.exec(path);
      if (memory !== null) {
        const told = Buffer.concat(chunks).toString();
        state.asked.push(`${memory[1]} ${memory[3]} ${memory[2] ?? ''} ${told}`);
        say(memory[3] === 'status' ? '[{"name":"a","key":"/k","offset":0,"byte_size":8}]' : '');
        return;
      }
      if (path === '/v2/repository/index') {
        state.asked.push('index');
        say(JSON.stringify(indexOf(state)));
      } else if (path === '/v2/models/stats' || last === 'stats') {
        state.asked.push('stats');
        if (!state.silent) say(statsOf(state, last === 'stats' ? model : ''));
      } else if (last === 'config') {
        state.asked.push('config');
        if (!state.silent) say(state.configs[model]);
      } else if (model !== '')
        say(state.configs[model] === undefined ? undefined : JSON.stringify(metadataOf(model)));
      else say('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    name,
    url: `kserve+http://${name}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function startGrpc(state: State): Promise<Pick<WideServer, 'name' | 'url' | 'stop'>> {
  const server = await startWireServer((stream, fields) => {
    const chunks: Uint8Array[] = [];
    return {
      onData(chunk) {
        chunks.push(Uint8Array.from(chunk));
        stream.credit(chunk.length);
      },
      onEnd() {
        const message = Buffer.concat(chunks).subarray(prefixBytes);
        const method = (getMetadata(fields, ':path') ?? '').split('/').at(-1) ?? '';
        const say = (answer: Uint8Array | undefined, code = 5, words = 'unknown model'): void => {
          stream.respond([':status', '200', 'content-type', 'application/grpc']);
          if (answer !== undefined) stream.write(framed(answer));
          stream.end(
            answer === undefined ? ['grpc-status', `${code}`, 'grpc-message', words] : ['grpc-status', '0'],
          );
        };
        const named = (): string => decodeModelVersionRequest(message).name;
        switch (method) {
          case 'ModelMetadata':
            say(
              state.configs[named()] === undefined
                ? undefined
                : encodeModelMetadataResponse(metadataOf(named())),
            );
            return;
          case 'RepositoryIndex':
            state.asked.push('index');
            say(encodeRepositoryIndexResponse(indexOf(state)));
            return;
          case 'ModelConfig': {
            state.asked.push('config');
            const config = state.configs[named()];
            if (!state.silent)
              say(config === undefined ? undefined : encodeModelConfigResponse(bytes(config)));
            return;
          }
          case 'ModelStatistics': {
            state.asked.push('stats');
            const stats = statsOf(state, named());
            if (!state.silent)
              say(stats === undefined ? undefined : encodeModelStatisticsResponse(bytes(stats)));
            return;
          }
          case 'RepositoryModelLoad':
          case 'RepositoryModelUnload': {
            const what = method === 'RepositoryModelLoad' ? 'load' : 'unload';
            const well = changed(state, what, decodeRepositoryChange(message));
            say(well ? new Uint8Array(0) : undefined, 3, state.refuses);
            return;
          }
          case 'TraceSetting':
          case 'LogSettings': {
            const kind = method === 'LogSettings' ? 'logging' : 'trace';
            Object.assign(state.settings[kind], decodeSettings(kind, message).settings);
            say(encodeSettings(kind, { model: '', settings: state.settings[kind] }));
            return;
          }
          case 'SystemSharedMemoryRegister':
            state.asked.push(`memory ${message.toString()}`);
            say(new Uint8Array(0));
            return;
          default:
            say(Uint8Array.from([8, 1]));
        }
      },
    };
  });
  const name = `127.0.0.1:${server.port}`;
  return {
    name,
    url: `kserve://${name}`,
    stop() {
      server.close();
    },
  };
}

export async function startWideServer(transport: 'rest' | 'grpc'): Promise<WideServer> {
  const settings = {
    trace: { trace_level: ['OFF'], trace_rate: '1000' },
    logging: { log_verbose_level: 0n },
  };
  const state: State = {
    settings,
    configs: {},
    stats: {},
    silent: false,
    refuses: undefined,
    changes: [],
    asked: [],
  };
  return Object.assign(state, await (transport === 'rest' ? startRest : startGrpc)(state));
}

export interface WideAnswer {
  readonly message: Buffer;
  /** Of the head. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** @throws Error "CODE: words" */
export function wideClient(address: string): {
  ask: (
    method: string,
    message: Uint8Array,
    fields?: Readonly<Record<string, string>>,
  ) => Promise<WideAnswer>;
  close: () => void;
} {
  const client = new Client(address, credentials.createInsecure());
  const same = (message: Uint8Array): Buffer => Buffer.from(message);
  return {
    ask: (method, message, fields = {}) =>
      new Promise((resolve, reject) => {
        const metadata = new Metadata();
        for (const [name, value] of Object.entries(fields)) metadata.set(name, value);
        let head: Readonly<Record<string, unknown>> = {};
        const path = method.startsWith('/') ? method : `/inference.GRPCInferenceService/${method}`;
        const call = client.makeUnaryRequest(
          path,
          same,
          same,
          Buffer.from(message),
          metadata,
          (error: ServiceError | null, value) => {
            if (error !== null) reject(new Error(`${codeName(error.code)}: ${error.details}`));
            else resolve({ message: value ?? Buffer.alloc(0), fields: head });
          },
        );
        call.on('metadata', (received: Metadata) => {
          head = received.getMap();
        });
      }),
    close: () => {
      client.close();
    },
  };
}
