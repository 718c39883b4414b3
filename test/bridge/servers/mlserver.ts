/** A real MLServer, with a runtime of the tests' own. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { v2Of } from '../../../src/codec/index.ts';
import { freePort, startProcess, tool } from '../../support/index.ts';
import { type BridgeModel, bridgeModels } from './models.ts';
import type { RealServer } from './triton.ts';

const runtimes = fileURLToPath(new URL('.', import.meta.url));

/** Datatypes that its own enum lacks. */
const lacking: ReadonlySet<string> = new Set(['bfloat16']);
export const mlserverModels = bridgeModels.filter(({ inputDtype }) => !lacking.has(inputDtype));

function settingsOf(model: BridgeModel): object {
  const tensor = (name: string, dtype: BridgeModel['inputDtype']): object => ({
    name,
    datatype: v2Of(dtype),
    shape: Array.from({ length: model.rank }, () => -1),
    parameters: { content_type: dtype === 'string' ? 'str' : 'np' },
  });
  return {
    name: model.name,
    implementation: 'mlserver_runtime.BridgeModel',
    inputs: [tensor(model.input, model.inputDtype)],
    outputs: [tensor(model.output, model.outputDtype)],
    parameters: {
      version: model.version ?? '1',
      extra: { does: model.does, input: model.input, output: model.output },
    },
  };
}

/** Starts it with the models; takes some seconds. @param more names and settings of other models */
export async function startMlserver(
  models: readonly BridgeModel[] = mlserverModels,
  more: readonly { readonly name: string; readonly implementation: string }[] = [],
): Promise<RealServer> {
  const python = tool('mlserver');
  if (python === undefined) throw new Error('mlserver is not installed: run scripts/test-tools.sh');
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-mlserver-'));
  const ports = { http: await freePort(), grpc: await freePort(), metrics: await freePort() };
  writeFileSync(
    join(folder, 'settings.json'),
    JSON.stringify({
      host: '127.0.0.1',
      http_port: ports.http,
      grpc_port: ports.grpc,
      metrics_port: ports.metrics,
      parallel_workers: 0,
      // the process of the tests owns what is printed
      debug: false,
    }),
  );
  const add = (name: string, settings: object): void => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'model-settings.json'), JSON.stringify(settings));
  };
  for (const model of models) add(`${model.name}-${model.version ?? ''}`, settingsOf(model));
  for (const settings of more) add(settings.name, settings);
  const server = await startProcess(python, ['-m', 'mlserver.cli.main', 'start', folder], {
    ready: /gRPC server running/,
    readyTimeoutMs: 90_000,
    env: { PYTHONPATH: runtimes, PYTHONUNBUFFERED: '1' },
    cwd: folder,
  });
  return {
    grpc: `127.0.0.1:${ports.grpc}`,
    http: `127.0.0.1:${ports.http}`,
    async stop() {
      await server.stop(8000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
