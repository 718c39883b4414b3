/**
 * npm run bench:large: what large JSON bodies cost a gateway beside its CPU. First its peak memory while 16 clients
 * post 32 MB each, then how long small requests take beside one body of nearly 64 MB after the other.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { startBackend } from './backend.ts';

const path = '/v1/models/m:predict';
const mebi = 2 ** 20;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Posts chunks and gives the status; each chunk waits for the socket to take the one before. */
function post(port: number, chunks: Iterable<Buffer>, agent: Agent): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, method: 'POST', agent }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        resolve(answer.statusCode ?? 0);
      });
    });
    call.on('error', reject);
    const iterator = chunks[Symbol.iterator]();
    const next = (): void => {
      const step = iterator.next();
      if (step.done === true) call.end();
      else if (call.write(step.value)) setImmediate(next);
      else call.once('drain', next);
    };
    next();
  });
}

/** A batch of images as text of `bytes` bytes, the same few rows again and again. */
function* imageBatch(bytes: number, digits: number): Generator<Buffer> {
  const row = Array.from({ length: 4096 }, (_, i) =>
    digits === 0 ? String(i % 256) : String(Math.fround((i + 0.5) / 4096)),
  ).join(',');
  const block = Buffer.from(`[${row}]`);
  yield Buffer.from('{"instances":[');
  for (let at = block.length; at < bytes; at += block.length + 1) {
    yield block;
    yield Buffer.from(',');
  }
  yield Buffer.concat([block, Buffer.from(']}')]);
}

const valuesIn = (bytes: number, digits: number): number => {
  let blocks = 0;
  let blockBytes = 0;
  for (const chunk of imageBatch(bytes, digits))
    if (chunk.length > 100) [blocks, blockBytes] = [blocks + 1, chunk.length];
  return blockBytes === 0 ? 0 : blocks * 4096;
};

function memory(pid: number, key: 'VmRSS' | 'VmHWM'): number {
  return (
    Number(new RegExp(`${key}:\\s+([0-9]+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
  );
}

async function started(backend: number): Promise<{ gateway: ChildProcess; port: number }> {
  const [port, grpcPort] = [await freePort(), await freePort()];
  const command = fileURLToPath(new URL('../bin/tensorgate', import.meta.url));
  // sixteen uploads at once take a slow machine longer than a call may take by default
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-bench-'));
  const config = join(folder, 'gateway.yaml');
  writeFileSync(config, 'deadlines: { defaultMs: 600000, maxMs: 600000 }\n');
  const flags = [
    'serve',
    '--config',
    config,
    '--host',
    '127.0.0.1',
    '--backend',
    `tfs://127.0.0.1:${backend}`,
    '--rest-port',
    String(port),
    '--grpc-port',
    String(grpcPort),
    '--admin-port',
    '0',
    '--workers',
    '1',
  ];
  const gateway = spawn(command, flags, { stdio: 'ignore' });
  const agent = new Agent();
  for (let i = 0; ; i++) {
    try {
      if ((await post(port, [Buffer.from('{"instances":[1]}')], agent)) === 200) return { gateway, port };
    } catch (error) {
      if (i > 200) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function peakMemory(backend: number, digits: number): Promise<void> {
  const { gateway, port } = await started(backend);
  const pid = gateway.pid ?? 0;
  const agent = new Agent({ keepAlive: true });
  // warm: what the code itself takes is not the bodies'
  await post(port, imageBatch(4 * mebi, digits), agent);
  const idle = memory(pid, 'VmRSS');
  const clients = 16;
  const statuses = await Promise.all(
    Array.from({ length: clients }, () => post(port, imageBatch(32 * mebi, digits), agent)),
  );
  const tensors = (clients * valuesIn(32 * mebi, digits) * 4) / mebi;
  const above = memory(pid, 'VmHWM') - idle;
  console.log(
    `${clients} x 32 MB, ${digits === 0 ? '1 to 3 digits' : `${digits} digits`}: tensors ${tensors.toFixed(0)} MB, peak above idle (${idle.toFixed(0)} MB) ` +
      `${above.toFixed(0)} MB = ${(above / tensors).toFixed(2)} x, statuses ${[...new Set(statuses)].join()}`,
  );
  agent.destroy();
  gateway.kill();
}

/** Times of small requests, one after the other, until `over` says so. */
async function smallRequests(port: number, over: () => boolean): Promise<string> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  while (!over()) {
    const before = performance.now();
    await post(port, [Buffer.from('{"instances":[1.0,2.0,5.0]}')], agent);
    times.push(performance.now() - before);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  return `${times.length} small requests: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(0.9999)} ms`;
}

async function besideLarge(backend: number): Promise<void> {
  const { gateway, port } = await started(backend);
  const end = performance.now() + 8000;
  console.log(`alone: ${await smallRequests(port, () => performance.now() > end)}`);
  // in a thread of its own, so that sending does not hold the clock of the small ones
  const sender = new Worker(new URL(import.meta.url), { workerData: { port } });
  let running = true;
  sender.on('exit', () => {
    running = false;
  });
  console.log(`beside 63 MB bodies, one after the other: ${await smallRequests(port, () => !running)}`);
  gateway.kill();
}

if (!isMainThread) {
  const agent = new Agent({ keepAlive: true });
  const { port } = workerData as { port: number };
  for (let i = 0; i < 10; i++) await post(port, imageBatch(63 * mebi, 8), agent);
  agent.destroy();
} else {
  const { port, server } = await startBackend();
  await peakMemory(port, 17);
  await peakMemory(port, 0);
  await besideLarge(port);
  server.close();
  process.exit();
}
