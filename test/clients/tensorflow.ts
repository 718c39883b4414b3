/** A real TensorFlow behind TensorFlow Serving's gRPC API. */
import { fileURLToPath } from 'node:url';
import { type RunningProcess, startProcess, tool } from '../support/index.ts';

const script = fileURLToPath(new URL('python/tensorflow_server.py', import.meta.url));

/** Takes some seconds. @param flags as the script has them @returns address "127.0.0.1:PORT" */
export async function startTensorFlow(
  flags: readonly string[] = [],
): Promise<{ server: RunningProcess; address: string }> {
  const python = tool('tfs');
  if (python === undefined) throw new Error('the venv tfs is not installed: run scripts/test-tools.sh');
  const server = await startProcess(python, [script, ...flags], {
    ready: /listens at 127/,
    readyTimeoutMs: 90_000,
    env: { CUDA_VISIBLE_DEVICES: '' },
  });
  return { server, address: /listens at (\S+)/.exec(server.output())?.[1] as string };
}
