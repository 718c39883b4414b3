/** A real Triton on CPU: the server that nvidia-pytriton carries, with a repository of Python models. */
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DType, dtypes } from '../../../src/codec/index.ts';
import { freePort, run, startProcess, tool } from '../../support/index.ts';
import { type BridgeModel, bridgeModels } from './models.ts';

export interface RealServer {
  /** "127.0.0.1:PORT" */
  readonly grpc: string;
  readonly http: string;
  stop(): Promise<void>;
  /** SIGKILL, as a server dies that has no time to say so; absent where no test needs it. */
  kill?(): void;
}

/** Beside the models: one that answers a request as often as it says; see triton_decoupled.py. */
export const decoupledModel = 'decoupled';
const decoupledConfig = [
  `name: "${decoupledModel}"`,
  'backend: "python"',
  'max_batch_size: 0',
  'model_transaction_policy { decoupled: true }',
  'input [{ name: "x" data_type: TYPE_STRING dims: [1] }]',
  'output [{ name: "x" data_type: TYPE_STRING dims: [1] }]',
  'instance_group [{ kind: KIND_CPU count: 1 }]',
  '',
].join('\n');

/** Triton's names in config.pbtxt. */
export function tritonTypeOf(dtype: DType): string {
  const row = dtypes[dtype];
  return `TYPE_${dtype === 'string' ? 'STRING' : 'v2' in row ? row.v2 : ''}`;
}

export interface TritonOptions {
  /** Of each model; 1. */
  readonly instances?: number;
  /** Models are loaded and unloaded by calls; those at the start are. */
  readonly explicit?: boolean;
  readonly withDecoupled?: boolean;
  /** Beside the others. */
  readonly more?: readonly PythonModel[];
}

function configOf(model: BridgeModel, instances: number): string {
  const dims = model.rank === 2 ? '-1, -1' : '-1';
  return [
    `name: "${model.name}"`,
    'backend: "python"',
    'max_batch_size: 0',
    `input [{ name: "${model.input}" data_type: ${tritonTypeOf(model.inputDtype)} dims: [${dims}] }]`,
    `output [{ name: "${model.output}" data_type: ${tritonTypeOf(model.outputDtype)} dims: [${dims}] }]`,
    `instance_group [{ kind: KIND_CPU count: ${instances} }]`,
    `parameters: { key: "does" value: { string_value: "${model.does}" } }`,
    '',
  ].join('\n');
}

/** A model with a file of its own in this folder. */
export interface PythonModel {
  readonly name: string;
  readonly file: string;
  /** config.pbtxt */
  readonly config: string;
}

/** Starts it with the models; takes some seconds. */
export async function startTriton(
  models: readonly BridgeModel[] = bridgeModels,
  { instances = 1, explicit = false, withDecoupled = false, more = [] }: TritonOptions = {},
): Promise<Required<RealServer>> {
  const python = tool('tritonserver');
  if (python === undefined) throw new Error('tritonserver is not installed: run scripts/test-tools.sh');
  const asked = await run(python, [
    '-c',
    'import sys, sysconfig; print(sysconfig.get_path("purelib")); print(sysconfig.get_config_var("LIBDIR")); print(f"{sys.version_info[0]}.{sys.version_info[1]}"); print(sys.prefix)',
  ]);
  const [packages = '', libraries = '', version = '', prefix = ''] = asked.stdout.trim().split('\n');
  const home = join(packages, 'pytriton', 'tritonserver');
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-triton-'));
  // the backend's own folder must hold the stub of the Python that the models run in
  const backends = join(folder, 'backends');
  cpSync(join(home, 'backends'), backends, { recursive: true });
  const stub = join(backends, 'python', 'triton_python_backend_stub');
  cpSync(join(home, 'python_backend_stubs', version, 'triton_python_backend_stub'), stub);
  chmodSync(stub, 0o755);
  const repository = join(folder, 'models');
  // PYTHONPATH alone does not always reach the stub
  const findPackages = `import sys\nsys.path.insert(0, ${JSON.stringify(packages)})\n`;
  const all: PythonModel[] = [
    ...models.map((model) => ({
      name: model.name,
      file: 'triton_model.py',
      config: configOf(model, instances),
    })),
    ...(withDecoupled
      ? [{ name: decoupledModel, file: 'triton_decoupled.py', config: decoupledConfig }]
      : []),
    ...more,
  ];
  for (const { name, file, config } of all) {
    const versionFolder = join(repository, name, '1');
    mkdirSync(versionFolder, { recursive: true });
    const source = readFileSync(new URL(file, import.meta.url), 'utf8');
    writeFileSync(join(versionFolder, 'model.py'), `${findPackages}${source}`);
    writeFileSync(join(repository, name, 'config.pbtxt'), config);
  }
  const ports = { http: await freePort(), grpc: await freePort() };
  const server = join(home, 'bin', 'tritonserver');
  const bundled = globSync('*.libs', { cwd: packages }).map((name) => join(packages, name));
  const process_ = await startProcess(
    existsSync(server) ? server : 'tritonserver',
    [
      `--model-repository=${repository}`,
      `--backend-directory=${backends}`,
      '--http-address=127.0.0.1',
      `--http-port=${ports.http}`,
      '--grpc-address=127.0.0.1',
      `--grpc-port=${ports.grpc}`,
      '--allow-metrics=false',
      '--exit-timeout-secs=2',
      '--exit-on-error=false',
      // completing a configuration runs each model once more
      '--disable-auto-complete-config',
      '--backend-config=python,shm-default-byte-size=1048576',
      ...(explicit ? ['--model-control-mode=explicit', '--load-model=*'] : []),
    ],
    {
      ready: /Started HTTPService/,
      readyTimeoutMs: 90_000,
      env: {
        LD_LIBRARY_PATH: [...bundled, libraries].join(':'),
        PYTHONPATH: packages,
        VIRTUAL_ENV: prefix,
        PATH: `${join(prefix, 'bin')}:${process.env.PATH ?? ''}`,
      },
    },
  );
  return {
    grpc: `127.0.0.1:${ports.grpc}`,
    http: `127.0.0.1:${ports.http}`,
    async stop() {
      await process_.stop(8000);
      rmSync(folder, { recursive: true, force: true });
    },
    kill() {
      // those that run the models would hold on to what it prints
      const { pid } = process_;
      const stubs = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
      for (const each of [pid, ...stubs]) if (each > 0) process.kill(each, 'SIGKILL');
    },
  };
}
