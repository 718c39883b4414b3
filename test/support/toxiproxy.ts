/** Toxiproxy between the gateway and its backends: networks that are slow, cut, or swallow what they are given. */
import { freePort, type RunningProcess, startProcess, waitFor } from './process.ts';
import { tool } from './tools.ts';

export interface Toxic {
  readonly type: 'latency' | 'timeout' | 'reset_peer' | 'limit_data' | 'bandwidth' | 'slicer';
  readonly stream: 'upstream' | 'downstream';
  readonly attributes: Readonly<Record<string, number>>;
}

export interface ToxicProxy {
  readonly port: number;
  /** Refuses connections and cuts those that are open, or lets them in again. */
  enable(enabled: boolean): Promise<void>;
  add(toxic: Toxic): Promise<void>;
  /** Takes away every toxic. */
  clear(): Promise<void>;
}

export interface Toxiproxy {
  proxy(upstreamPort: number): Promise<ToxicProxy>;
  stop(): Promise<void>;
}

export async function startToxiproxy(): Promise<Toxiproxy> {
  const path = tool('toxiproxy-server');
  if (path === undefined) throw new Error('toxiproxy-server is not installed: run scripts/test-tools.sh');
  const api = await freePort();
  const server: RunningProcess = await startProcess(path, ['-host', '127.0.0.1', '-port', String(api)]);
  const base = `http://127.0.0.1:${api}`;
  const call = async (method: string, url: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${base}${url}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy: ${method} ${url}: ${answer.status} ${text}`);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  };
  await waitFor(async () => (await fetch(`${base}/version`)).ok, 5000, 'toxiproxy');
  return {
    async proxy(upstreamPort) {
      const port = await freePort();
      const name = `p${port}`;
      await call('POST', '/proxies', {
        name,
        listen: `127.0.0.1:${port}`,
        upstream: `127.0.0.1:${upstreamPort}`,
        enabled: true,
      });
      return {
        port,
        enable: async (enabled) => void (await call('POST', `/proxies/${name}`, { enabled })),
        add: async (toxic) => void (await call('POST', `/proxies/${name}/toxics`, { ...toxic, toxicity: 1 })),
        async clear() {
          const toxics = (await call('GET', `/proxies/${name}/toxics`)) as { name: string }[];
          for (const toxic of toxics) await call('DELETE', `/proxies/${name}/toxics/${toxic.name}`);
        },
      };
    },
    stop: async () => void (await server.stop()),
  };
}
