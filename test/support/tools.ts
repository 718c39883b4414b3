/** The programs that scripts/test-tools.sh installs: where they are, and what a test does when one is missing. */
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type ProcessResult, run } from './process.ts';

export type Venv =
  | 'tfs'
  | 'ovmsclient'
  | 'triton'
  | 'tritonserver'
  | 'mlserver'
  | 'kserve'
  | 'schemathesis'
  | 'protoc'
  | 'hadolint'
  | 'envoy'
  | 'kubernetes';
export type Tool =
  | 'redis-server'
  | 'redis-cli'
  | 'go'
  | 'grpcurl'
  | 'h2spec'
  | 'chromium'
  | 'toxiproxy-server'
  | 'curl'
  | 'nginx'
  | 'haproxy'
  | 'h2load'
  | 'libfaketime'
  | 'helm'
  | 'kubeconform'
  | 'crds'
  | 'prometheus'
  | 'promtool'
  | Venv;

const home = process.env.TENSORGATE_TOOLS_DIR ?? join(homedir(), '.cache', 'tensorgate-tools');
const venvs: readonly string[] = [
  'tfs',
  'ovmsclient',
  'triton',
  'tritonserver',
  'mlserver',
  'kserve',
  'schemathesis',
  'protoc',
  'hadolint',
  'envoy',
  'kubernetes',
] satisfies Venv[];

/** The path of a tool (of a venv: its python), or undefined when it is not installed. */
export function tool(name: Tool): string | undefined {
  if (name === 'libfaketime') return faketimeLibrary();
  // a folder with definitions of custom resources
  if (name === 'crds') return existing(join(home, name));
  if (venvs.includes(name)) return existing(join(home, name, 'bin', 'python'));
  const folders = [
    join(home, 'bin'),
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/go/bin',
  ];
  for (const folder of folders) {
    const found = existing(join(folder, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A library, not a program: Debian has it in a folder of each architecture. */
function faketimeLibrary(): string | undefined {
  const architectures = existsSync('/usr/lib') ? readdirSync('/usr/lib') : [];
  return architectures
    .map((folder) => existing(join('/usr/lib', folder, 'faketime', 'libfaketimeMT.so.1')))
    .find((path) => path !== undefined);
}

function existing(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

/**
 * The path of a tool; without it the test is skipped, loudly, and undefined returned. Under CI=true it fails.
 * In a suite's body, give `node:test`'s skip option `missing(...)` instead.
 */
export function needTool(t: TestContext, name: Tool): string | undefined {
  const path = tool(name);
  if (path !== undefined) return path;
  if (process.env.CI === 'true') throw new Error(`${name} is not installed: run scripts/test-tools.sh`);
  console.error(`SKIP ${t.name}: ${name} is not installed (scripts/test-tools.sh)`);
  t.skip(`${name} is not installed`);
  return undefined;
}

/** For `describe(..., { skip: missing('redis-server') }, ...)`: false, or why. Throws under CI=true. */
export function missing(...names: Tool[]): false | string {
  const absent = names.filter((name) => tool(name) === undefined);
  if (absent.length === 0) return false;
  const reason = `${absent.join(', ')} not installed: run scripts/test-tools.sh`;
  if (process.env.CI === 'true') throw new Error(reason);
  console.error(`SKIP: ${reason}`);
  return reason;
}

/** Runs a Python script (a file, or text after "-c") in a venv to its end. */
export async function python(
  venv: Venv,
  script: string,
  args: readonly string[] = [],
  options: { timeoutMs?: number; env?: Readonly<Record<string, string>>; input?: string } = {},
): Promise<ProcessResult> {
  const path = tool(venv);
  if (path === undefined) throw new Error(`the venv ${venv} is not installed: run scripts/test-tools.sh`);
  const isFile = script.endsWith('.py') && !script.includes('\n');
  return run(path, [...(isFile ? [script] : ['-c', script]), ...args], {
    timeoutMs: options.timeoutMs ?? 120_000,
    env: { TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '', PYTHONUNBUFFERED: '1', ...options.env },
    ...(options.input === undefined ? {} : { input: options.input }),
  });
}
