/** Several demo servers, each a process of its own; none outlives who started them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ReadyLine } from './main.ts';

export interface DemoFleetOptions {
  readonly replicas: number;
  /** As --models: "digits", "other=echo", "my_model:image"; undefined is every kind. */
  readonly models?: readonly string[];
  /** gRPC ports, one a replica; missing ones are any free port. */
  readonly ports?: readonly number[];
  readonly tensorContent?: boolean;
  readonly loadingMs?: number;
  /** Further flags of every replica, or of one by its index. */
  readonly flags?: readonly string[] | ((index: number) => readonly string[]);
  /** Start-up of one process, before it is given up; 20 s by default. */
  readonly startTimeoutMs?: number;
}

export interface DemoBackend {
  /** "tfs://127.0.0.1:PORT" */
  readonly url: string;
  readonly port: number;
  readonly name: string;
  /** The process of now; another after restart(). */
  readonly pid: number;
  /** "http://127.0.0.1:PORT" of the control port. */
  readonly control: string;
  /** Sends a signal: SIGKILL, SIGSTOP, SIGCONT, ... A killed one can be restarted. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the process if it still runs and starts another on the same ports. */
  restart(): Promise<void>;
}

export interface DemoFleet {
  readonly backends: readonly DemoBackend[];
  stop(): Promise<void>;
}

const defaultStartTimeoutMs = 20_000;
/** After SIGTERM a demo server has nothing to wait for. */
const stopTimeoutMs = 2000;

/** This module runs from src as TypeScript and from dist as JavaScript; the entry lies beside it. */
const entry = fileURLToPath(new URL(`./process${extname(import.meta.url)}`, import.meta.url));

const running = new Set<ChildProcess>();
let hooked = false;

/** The last resort when this process exits without stop(); it also ends stopped (SIGSTOP) children. */
function hookExit(): void {
  if (hooked) return;
  hooked = true;
  process.once('exit', () => {
    for (const child of running) child.kill('SIGKILL');
  });
}

interface Started {
  readonly child: ChildProcess;
  readonly line: ReadyLine;
}

async function start(flags: readonly string[], timeoutMs: number): Promise<Started> {
  hookExit();
  // Standard input is the life line: when this process dies, however it dies, the child reads its end.
  const child = spawn(process.execPath, [entry, '--exit-with-stdin', ...flags], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.stdin.on('error', () => undefined);
  let complaint = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (complaint = `${complaint}${text}`.slice(-2000)));
  try {
    const line = await new Promise<ReadyLine>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`demo server did not start within ${timeoutMs} ms`)),
        timeoutMs,
      );
      const settle = (done: () => void) => (): void => {
        clearTimeout(timer);
        done();
      };
      child.once('error', (error) => settle(() => reject(error))());
      child.once(
        'exit',
        settle(() => reject(new Error(`demo server ended at its start: ${complaint.trim()}`))),
      );
      createInterface({ input: child.stdout }).once('line', (text) =>
        settle(() => resolve(JSON.parse(text) as ReadyLine))(),
      );
    });
    child.stderr.on('data', (text: string) => process.stderr.write(text)); // whatever it complains of later
    return { child, line };
  } catch (reason) {
    child.kill('SIGKILL');
    throw reason;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill('SIGTERM');
    child.kill('SIGCONT'); // a stopped process would sleep through SIGTERM
  });
}

class Backend implements DemoBackend {
  readonly name: string;
  #flags: readonly string[];
  #timeoutMs: number;
  #started: Started | undefined;
  #ports: { port: number; control: number };

  constructor(name: string, flags: readonly string[], port: number, timeoutMs: number) {
    this.name = name;
    this.#flags = flags;
    this.#timeoutMs = timeoutMs;
    this.#ports = { port, control: 0 };
  }

  get port(): number {
    return this.#ports.port;
  }
  get url(): string {
    return `tfs://127.0.0.1:${this.#ports.port}`;
  }
  get control(): string {
    return `http://127.0.0.1:${this.#ports.control}`;
  }
  get pid(): number {
    return this.#started?.line.pid ?? 0;
  }

  async begin(): Promise<void> {
    const { port, control } = this.#ports;
    const flags = ['--port', `${port}`, '--control-port', `${control}`, '--name', this.name, ...this.#flags];
    const started = await start(flags, this.#timeoutMs);
    this.#started = started;
    this.#ports = { port: started.line.port, control: started.line.controlPort ?? 0 };
  }

  signal(signal: NodeJS.Signals): void {
    this.#started?.child.kill(signal);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.begin();
  }

  async stop(): Promise<void> {
    if (this.#started !== undefined) await end(this.#started.child);
  }
}

function flagsOf(options: DemoFleetOptions, index: number): string[] {
  const flags: string[] = [];
  if (options.models !== undefined) flags.push('--models', options.models.join(','));
  if (options.tensorContent === true) flags.push('--tensor-content');
  if (options.loadingMs !== undefined) flags.push('--loading-ms', `${options.loadingMs}`);
  const more = typeof options.flags === 'function' ? options.flags(index) : (options.flags ?? []);
  return [...flags, ...more];
}

/**
 * Starts the replicas and resolves when all of them listen; their control ports are on.
 * @throws Error with what a replica said when it did not start; the others are ended then.
 */
export async function startDemoFleet(options: DemoFleetOptions): Promise<DemoFleet> {
  const timeoutMs = options.startTimeoutMs ?? defaultStartTimeoutMs;
  const backends = Array.from(
    { length: options.replicas },
    (_, index) =>
      new Backend(`demo-${index + 1}`, flagsOf(options, index), options.ports?.[index] ?? 0, timeoutMs),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(backends.map((backend) => backend.stop()));
  };
  const results = await Promise.allSettled(backends.map((backend) => backend.begin()));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  return { backends, stop };
}
