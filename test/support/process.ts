/** Child processes, ports and waiting, for tests that use real programs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what systems give out by themselves: no connection of another test takes such a port before its program
 * listens.
 */
const ports = { first: 12_000, count: 20_000 };

/** Ports that this process has been given: a program with three doors must not get one twice. */
const given = new Set<number>();

/** A TCP port on loopback that was free a moment ago, and never the same one twice in a process. */
export async function freePort(draw: () => number = () => randomInt(ports.count)): Promise<number> {
  for (;;) {
    const port = ports.first + draw();
    if (given.has(port)) continue;
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue;
      throw error;
    }
    server.close();
    await once(server, 'close');
    // somebody else in this process may have drawn it meanwhile
    if (given.has(port)) continue;
    given.add(port);
    return port;
  }
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again and again until the answer is neither false nor undefined; a condition that throws counts as not yet. */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  timeoutMs = 20_000,
  what = 'the condition',
): Promise<Exclude<T, false | undefined | null>> {
  const end = performance.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== undefined && value !== null) {
        return value as Exclude<T, false | undefined | null>;
      }
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: last });
    }
    await sleep(10);
  }
}

export interface RunningProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything printed so far on either stream (the last megabyte). */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** SIGSTOP: it accepts connections (the kernel does) and answers nothing. */
  pause(): void;
  resume(): void;
  /** SIGTERM, and SIGKILL after a while; resolves with the exit code (null after a signal). */
  stop(graceMs?: number): Promise<number | null>;
  /** SIGKILL. */
  kill(): Promise<void>;
  readonly exited: Promise<number | null>;
}

export interface ProcessOptions {
  /** The process is ready when this matches its output. Default: as soon as it runs. */
  readonly ready?: RegExp | string;
  readonly readyTimeoutMs?: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly input?: string;
  /** The input stays open: child.stdin takes more. */
  readonly keepsInput?: boolean;
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Starts a program and waits for its ready line; it ends with the test process at the latest. */
export async function startProcess(
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<RunningProcess> {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  children.add(child);
  let text = '';
  let failure: Error | undefined;
  const collect = (chunk: Buffer): void => {
    text = (text + chunk.toString()).slice(-1_000_000);
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.stdin.on('error', () => undefined);
  if (options.keepsInput !== true) child.stdin.end(options.input);
  const exited = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      children.delete(child);
      resolve(code);
    });
    child.once('error', (error) => {
      failure = error;
      children.delete(child);
      resolve(null);
    });
  });
  const running: RunningProcess = {
    child,
    pid: child.pid ?? 0,
    output: () => text,
    signal: (name) => void child.kill(name),
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop(graceMs = 5000) {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    exited,
  };
  const { ready } = options;
  if (ready === undefined) return running;
  const isReady = (): boolean => (typeof ready === 'string' ? text.includes(ready) : ready.test(text));
  try {
    await waitFor(
      () => isReady() || failure !== undefined || child.exitCode !== null,
      options.readyTimeoutMs ?? 20_000,
      `${command} to print ${String(ready)}`,
    );
  } catch (error) {
    await running.kill();
    throw new Error(`${command} did not become ready; it printed:\n${text}`, { cause: error });
  }
  if (!isReady()) throw new Error(`${command} ended before it was ready:\n${text}`, { cause: failure });
  return running;
}

export interface ProcessResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[] = [],
  options: Omit<ProcessOptions, 'ready' | 'readyTimeoutMs'> & { timeoutMs?: number } = {},
): Promise<ProcessResult> {
  const child = spawn(command, args, {
    env: { ...process.env, ...options.env },
    timeout: options.timeoutMs ?? 60_000,
    killSignal: 'SIGKILL',
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  });
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}
