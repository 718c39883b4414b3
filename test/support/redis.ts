/** A real redis-server of a test's own: a free port, nothing on disk. */
import { freePort, type RunningProcess, startProcess } from './process.ts';
import { tool } from './tools.ts';

export interface TestRedis {
  readonly port: number;
  /** "redis://127.0.0.1:PORT" */
  readonly url: string;
  readonly process: RunningProcess;
  /** SIGSTOP: connections are accepted and nothing is answered, as behind a black hole. */
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Starts redis-server; more flags as in redis.conf ("--maxmemory", "1mb"). A port, to come back where one was. */
export async function startRedis(
  options: { args?: readonly string[]; port?: number } = {},
): Promise<TestRedis> {
  const path = tool('redis-server');
  if (path === undefined) throw new Error('redis-server is not installed: run scripts/test-tools.sh');
  const port = options.port ?? (await freePort());
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const running = await startProcess(path, [...args, ...(options.args ?? [])], {
    ready: 'Ready to accept connections',
    cwd: '/tmp',
  });
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    process: running,
    pause: () => running.pause(),
    resume: () => running.resume(),
    stop: async () => void (await running.stop()),
    kill: () => running.kill(),
  };
}
