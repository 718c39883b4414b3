/** KServe's own server, as PyPI has it. */
import { fileURLToPath } from 'node:url';
import { freePort, startProcess, tool } from '../../support/index.ts';
import type { RealServer } from './triton.ts';

/** Starts it with my_model, which doubles, and both, which does so in V1 too; takes some seconds. */
export async function startKserve(): Promise<RealServer> {
  const python = tool('kserve');
  if (python === undefined) throw new Error('kserve is not installed: run scripts/test-tools.sh');
  const ports = { http: await freePort(), grpc: await freePort() };
  const script = fileURLToPath(new URL('kserve_server.py', import.meta.url));
  const flags = [`--http_port=${ports.http}`, `--grpc_port=${ports.grpc}`, '--enable_grpc=true'];
  const server = await startProcess(python, [script, ...flags], { env: { PYTHONUNBUFFERED: '1' } });
  return {
    grpc: `127.0.0.1:${ports.grpc}`,
    http: `127.0.0.1:${ports.http}`,
    async stop() {
      await server.stop(8000);
    },
  };
}
