/**
 * The rows of the protocol table about servers and what they have: statistics, configuration, repository, trace,
 * logging, shared memory.
 */
import { Buffer } from 'node:buffer';
import { rmSync, writeFileSync } from 'node:fs';
import {
  decodeRepositoryIndexResponse,
  decodeSettings,
  encodeMemoryRequest,
  encodeModelVersionRequest,
  encodeRepositoryChange,
  encodeRepositoryIndexRequest,
  encodeSettings,
  modelConfigJson,
  modelStatisticsJson,
  type V2RepositoryChange,
  type V2SettingKind,
} from '../../../src/codec/index.ts';
import type { Grpc, Rest, Said } from './asks.ts';
import { type Cell, everywhere, type Group, ofAll, overRest, type Row, throughout } from './rows.ts';

const model = 'identity_float';
const nothing = new Uint8Array(0);

/** Counts and times go on while they are asked for: what there is of them. */
function membersOf(said: Said): Said {
  if (Array.isArray(said)) return said.map(membersOf);
  if (typeof said === 'number' || typeof said === 'string')
    return typeof said === 'string' && !/^\d+$/.test(said) ? said : 0;
  if (typeof said !== 'object' || said === null) return said;
  return Object.fromEntries(Object.entries(said).map(([name, each]) => [name, membersOf(each)]));
}

const json = (read: (bytes: Uint8Array) => string) => (answer: Buffer) => JSON.parse(read(answer)) as Said;

/** Loads or unloads, over gRPC. */
const change = (
  ask: Grpc,
  what: 'Load' | 'Unload',
  parameters: V2RepositoryChange['parameters'] = new Map(),
): Promise<Said> =>
  ask.raw(
    `RepositoryModel${what}`,
    Buffer.concat(encodeRepositoryChange({ repository: '', model, parameters })),
    () => 'done',
  );
const changeOverRest = (ask: Rest, what: 'load' | 'unload', body = '{}'): Promise<Said> =>
  ask({ path: `v2/repository/models/${model}/${what}`, body });

/** Ready again: it is loaded in its own time. */
async function loaded(ready: () => Promise<boolean>): Promise<void> {
  while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 50));
}
const isReady = async ({ address }: Rest): Promise<boolean> =>
  (await fetch(`http://${address}/v2/models/${model}/ready`)).ok;
const isReadyOverGrpc = async (ask: Grpc): Promise<boolean> =>
  ((await ask('ModelReady', { name: model })) as { ready?: boolean }).ready === true;

const setting =
  (method: string, kind: V2SettingKind, asked: Parameters<typeof encodeSettings>[1]) =>
  (ask: Grpc): Promise<Said> =>
    ask.raw(method, encodeSettings(kind, asked), (answer) => decodeSettings(kind, answer).settings);

function settingRow(
  member: string,
  path: string,
  body: string | undefined,
  grpc: Row['grpc'] & ((ask: Grpc) => Promise<Said>),
): Row {
  return {
    member,
    // numbers are texts in trace settings, and numbers in log settings, at every door
    rest: (ask) => ask({ path, ...(body === undefined ? {} : { body }) }),
    grpc: async (ask) =>
      JSON.parse(
        JSON.stringify(await grpc(ask), (_name, value: unknown) =>
          typeof value === 'bigint' ? Number(value) : value,
        ),
      ) as Said,
    cells: ofAll,
    permission: true,
  };
}

const regionBytes = 64;
/** A region of this machine's shared memory, as Linux has them. */
async function withRegion<T>(use: (name: string) => Promise<T>): Promise<T> {
  const name = `tensorgate-protocol-${process.pid}`;
  const path = `/dev/shm/${name}`;
  writeFileSync(path, Buffer.alloc(regionBytes));
  try {
    return await use(name);
  } finally {
    rmSync(path);
  }
}

const shared = { name: 'x', datatype: 'FP32', shape: [1, 2] };
const inRegion = { shared_memory_region: 'input', shared_memory_byte_size: 8 };
const notTold = (status: number | string): Cell => ({
  kind: 'refused',
  status,
  words: /in shared memory/,
  why: 'A server of another transport than the client’s cannot be told of its memory',
});

export const operations: readonly Group[] = [
  {
    title: 'Servers and their models',
    rows: [
      {
        member: 'statistics of a model, of a version, of all',
        rest: async (ask) => [
          await ask({ path: `v2/models/${model}/stats` }),
          await ask({ path: `v2/models/${model}/versions/1/stats` }),
          await ask({ path: 'v2/models/stats' }),
        ],
        grpc: async (ask) => [
          await ask.raw('ModelStatistics', encodeModelVersionRequest(model, ''), json(modelStatisticsJson)),
          await ask.raw('ModelStatistics', encodeModelVersionRequest(model, '1'), json(modelStatisticsJson)),
          await ask.raw('ModelStatistics', nothing, json(modelStatisticsJson)),
        ],
        cells: ofAll,
        lasting: membersOf,
      },
      {
        member: 'model configuration',
        rest: (ask) => ask({ path: `v2/models/${model}/config` }),
        grpc: (ask) => ask.raw('ModelConfig', encodeModelVersionRequest(model, ''), json(modelConfigJson)),
        cells: ofAll,
      },
      {
        member: 'repository index',
        rest: (ask) => ask({ path: 'v2/repository/index', method: 'POST', body: '{}' }),
        grpc: (ask) =>
          ask.raw(
            'RepositoryIndex',
            encodeRepositoryIndexRequest({ onlyReady: false }),
            decodeRepositoryIndexResponse,
          ),
        cells: ofAll,
        lasting: (said) =>
          (said as { name: string }[]).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
      },
      {
        member: 'unload and load of a model, with another configuration',
        rest: async (ask) => {
          const said = [await changeOverRest(ask, 'unload')];
          const config = await ask({ path: 'v2/models/identity_int64/config' });
          const text = JSON.stringify(config)
            .replaceAll('identity_int64', model)
            .replaceAll('TYPE_INT64', 'TYPE_FP32');
          said.push(await changeOverRest(ask, 'load', JSON.stringify({ parameters: { config: text } })));
          said.push(await changeOverRest(ask, 'load'));
          await loaded(() => isReady(ask));
          return said;
        },
        grpc: async (ask) => {
          const said = [await change(ask, 'Unload'), await change(ask, 'Load')];
          await loaded(() => isReadyOverGrpc(ask));
          return said;
        },
        cells: ofAll,
        permission: true,
      },
      settingRow(
        'trace settings: read',
        'v2/trace/setting',
        undefined,
        setting('TraceSetting', 'trace', { model: '', settings: {} }),
      ),
      settingRow(
        'trace settings of a model: set',
        `v2/models/${model}/trace/setting`,
        '{"trace_rate":"9"}',
        setting('TraceSetting', 'trace', { model, settings: { trace_rate: '9' } }),
      ),
      settingRow(
        'log settings: read',
        'v2/logging',
        undefined,
        setting('LogSettings', 'logging', { model: '', settings: {} }),
      ),
      settingRow(
        'log settings: set',
        'v2/logging',
        '{"log_verbose_level":0}',
        setting('LogSettings', 'logging', { model: '', settings: { log_verbose_level: 0n } }),
      ),
      {
        member: 'shared memory: which regions there are',
        rest: async (ask) => [
          await ask({ path: 'v2/systemsharedmemory/status' }),
          await ask({ path: 'v2/cudasharedmemory/status' }),
        ],
        grpc: async (ask) => [
          await ask.raw('SystemSharedMemoryStatus', nothing, (answer) => answer.toString('hex')),
          await ask.raw('CudaSharedMemoryStatus', nothing, (answer) => answer.toString('hex')),
        ],
        cells: everywhere({ kind: 'same', how: 'one' }),
      },
      {
        member: 'shared memory: register, unregister',
        rest: (ask) =>
          withRegion(async (name) => [
            await ask({
              path: 'v2/systemsharedmemory/region/own/register',
              body: JSON.stringify({ key: `/${name}`, offset: 0, byte_size: regionBytes }),
            }),
            await ask({ path: 'v2/systemsharedmemory/region/own/unregister', method: 'POST' }),
          ]),
        cells: overRest(everywhere({ kind: 'same', how: 'one' })),
        permission: true,
      },
      {
        member: 'an input in shared memory',
        rest: (ask) =>
          withRegion(async (name) => {
            const region = 'v2/systemsharedmemory/region/input';
            const body = JSON.stringify({ key: `/${name}`, offset: 0, byte_size: regionBytes });
            const registered = await ask({ path: `${region}/register`, body });
            const said = await ask({
              path: `v2/models/${model}/infer`,
              body: JSON.stringify({ inputs: [{ ...shared, parameters: inRegion }] }),
            });
            await ask({ path: `${region}/unregister`, method: 'POST' });
            return [registered, said];
          }),
        grpc: (ask) =>
          withRegion(async (name) => {
            const memory = { name: 'input', key: `/${name}`, byte_size: BigInt(regionBytes) };
            const done = (): Said => undefined;
            const register = { kind: 'system', action: 'register' } as const;
            const registered = await ask.raw(
              'SystemSharedMemoryRegister',
              encodeMemoryRequest(register, memory),
              done,
            );
            const said = await ask('ModelInfer', {
              model_name: model,
              inputs: [
                {
                  ...shared,
                  parameters: {
                    shared_memory_region: { string_param: 'input' },
                    shared_memory_byte_size: { int64_param: 8 },
                  },
                },
              ],
            });
            const unregister = { kind: 'system', action: 'unregister' } as const;
            await ask.raw(
              'SystemSharedMemoryUnregister',
              encodeMemoryRequest(unregister, { name: 'input' }),
              done,
            );
            return [registered, said];
          }),
        cells: { ...throughout, 'rest-grpc': notTold(501), 'grpc-rest': notTold('UNIMPLEMENTED') },
        permission: true,
      },
    ],
  },
];
