/** A gateway process under attack: its memory, its metrics, and a well-behaved client beside the attacker. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { stringify } from 'yaml';
import { encodePredictRequest } from '../../src/codec/index.ts';
import type { Headers } from '../../src/wire/index.ts';
import { freePort, sleep, startProcess, waitFor } from './process.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
export const predictPath = '/tensorflow.serving.PredictionService/Predict';

/** Predict of `model` with so many floats, without its prefix. */
export function predictMessage(model = 'half_plus_two', floats = 1): Buffer {
  return Buffer.concat(
    encodePredictRequest({
      spec: { name: model, signature: '' },
      inputs: new Map([['x', { dtype: 'float', shape: [floats], bytes: new Uint8Array(floats * 4) }]]),
      outputFilter: [],
    }),
  );
}

export function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

export const predictFields = (more: Headers = [], path = predictPath): string[] => [
  ':method',
  'POST',
  ':scheme',
  'http',
  ':path',
  path,
  ':authority',
  'victim',
  'content-type',
  'application/grpc',
  'te',
  'trailers',
  ...more,
];

export interface Bystander {
  /** Stops, and gives the calls that it made, its failures, and the longest call in ms. */
  stop(): Promise<{ calls: number; failures: string[]; worstMs: number }>;
}

export interface Victim {
  /** "127.0.0.1:PORT" of each door. */
  readonly grpc: string;
  readonly rest: string;
  readonly admin: string;
  readonly pid: number;
  /** Resident memory in MiB. */
  rss(): number;
  /** Counters of refusals, by limit. */
  limited(): Promise<Record<string, number>>;
  metrics(): Promise<string>;
  /** Calls one after the other by gRPC and REST until stopped. */
  bystander(): Promise<Bystander>;
  /** Waits until memory is back within a fifth (and 16 MiB) of what it was; throws when it does not come back. */
  settled(beforeMiB: number, timeoutMs?: number): Promise<void>;
  /** Throws when the process has died. */
  alive(): void;
  /** Its workers, where it has some. */
  workers(): number[];
  /** When it ends by itself. */
  readonly exited: Promise<number | null>;
  output(): string;
  stop(): Promise<void>;
}

export async function startVictim(
  backends: readonly string[],
  config: Record<string, unknown> = {},
  // a small heap: what is only waiting for a collection shall not look like a leak, and what is held shall hurt
  nodeFlags: readonly string[] = ['--max-old-space-size=128', '--max-semi-space-size=2'],
): Promise<Victim> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-victim-'));
  const file = join(folder, 'gateway.yaml');
  const telemetry = { logLevel: 'warn', accessLog: 'off' };
  writeFileSync(file, stringify({ telemetry, shutdown: { graceMs: 0, drainMs: 500 }, ...config }));
  const [rest, grpc, admin] = [await freePort(), await freePort(), await freePort()];
  const ports = ['--rest-port', String(rest), '--grpc-port', String(grpc), '--admin-port', String(admin)];
  const process_ = await startProcess(
    process.execPath,
    [
      ...nodeFlags,
      main,
      'serve',
      '--config',
      file,
      '--host',
      '127.0.0.1',
      ...ports,
      ...backends.flatMap((url) => ['--backend', url]),
    ],
    { ready: 'is serving', readyTimeoutMs: 60_000 },
  );
  const address = (port: number): string => `127.0.0.1:${port}`;
  const rss = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${process_.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  const metrics = async (): Promise<string> => (await fetch(`http://${address(admin)}/metrics`)).text();
  const victim: Victim = {
    grpc: address(grpc),
    rest: address(rest),
    admin: address(admin),
    pid: process_.pid,
    rss,
    metrics,
    async limited() {
      const found: Record<string, number> = {};
      for (const [, limit, value] of (await metrics()).matchAll(/_limited_total\{limit="([^"]+)"\} (\d+)/g))
        found[limit as string] = Number(value);
      return found;
    },
    bystander: () => startBystander(address(grpc), address(rest)),
    async settled(beforeMiB, timeoutMs = 30_000) {
      const limit = beforeMiB * 1.2 + 16;
      let now = rss();
      if (now <= limit) return;
      // traffic, so that there is something to collect for
      const traffic = await startBystander(address(grpc), address(rest));
      await waitFor(() => (now = rss()) <= limit, timeoutMs, `memory of ${limit.toFixed()} MiB`)
        .catch(() => {
          throw new Error(`memory is ${now.toFixed()} MiB, it was ${beforeMiB.toFixed()} MiB before`);
        })
        .finally(() => traffic.stop());
    },
    alive() {
      if (process_.child.exitCode !== null || process_.child.signalCode !== null)
        throw new Error(`the gateway has died:\n${process_.output()}`);
    },
    workers: () =>
      readFileSync(`/proc/${process_.pid}/task/${process_.pid}/children`, 'utf8')
        .split(' ')
        .filter((pid) => pid !== '')
        .map(Number),
    exited: process_.exited,
    output: () => process_.output(),
    async stop() {
      await process_.stop();
      rmSync(folder, { recursive: true });
    },
  };
  await waitFor(
    async () => (await fetch(`http://${victim.admin}/readyz`)).status === 200,
    30_000,
    'a gateway that is ready',
  ).catch(async (error: unknown) => {
    await victim.stop();
    throw new Error(`the gateway does not become ready:\n${process_.output()}`, { cause: error });
  });
  return victim;
}

const same = (bytes: Buffer): Buffer => bytes;

/** Resolves when its connections are made: it is the attack that shall hurt them, not the start. */
async function startBystander(grpc: string, rest: string): Promise<Bystander> {
  const client = new Client(grpc, credentials.createInsecure());
  const message = predictMessage();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const failures: string[] = [];
  let running = true;
  let calls = 0;
  let worstMs = 0;
  const byGrpc = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + 5000 };
      client.makeUnaryRequest(predictPath, same, same, message, options, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  const byRest = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = http.request(
        `http://${rest}/v1/models/half_plus_two:predict`,
        { method: 'POST', agent, timeout: 5000 },
        (response) => {
          response.resume().on('close', () => {
            if (response.complete && response.statusCode === 200) resolve();
            else
              reject(new Error(`HTTP ${response.statusCode}, ${response.complete ? 'whole' : 'cut short'}`));
          });
          response.on('error', () => undefined);
        },
      );
      request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer in 5 s')));
      request.end('{"instances":[1.0]}');
    });
  const loop = async (call: () => Promise<void>): Promise<void> => {
    while (running) {
      const start = performance.now();
      await call().catch((error: unknown) => failures.push(String(error)));
      worstMs = Math.max(worstMs, performance.now() - start);
      calls++;
      await sleep(5);
    }
  };
  await Promise.all([byGrpc(), byRest()]);
  const loops = [loop(byGrpc), loop(byRest)];
  return {
    async stop() {
      running = false;
      await Promise.all(loops);
      client.close();
      agent.destroy();
      return { calls, failures, worstMs };
    },
  };
}
