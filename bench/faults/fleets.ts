/** Three backends, and what goes wrong with them. */
import { type DemoBackend, type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { type EchoBackend, startEchoBackend } from '../../test/support/index.ts';

export interface Backends {
  readonly ports: readonly number[];
  /** The fault begins. */
  begin(): Promise<void>;
  stop(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  start(): Promise<Backends>;
}

type Demo = readonly [DemoBackend, DemoBackend, DemoBackend];

const control = async (backend: DemoBackend, path: string, body: object): Promise<void> => {
  await fetch(`${backend.control}${path}`, { method: 'POST', body: JSON.stringify(body) });
};

/** A fault of demo servers, each a process. */
const ofProcesses = (name: string, begin: (backends: Demo) => void | Promise<void>): Fault => ({
  name,
  async start() {
    const fleet: DemoFleet = await startDemoFleet({ replicas: 3, models: ['echo'] });
    const backends = fleet.backends as Demo;
    return {
      ports: backends.map(({ port }) => port),
      begin: async () => begin(backends),
      async stop() {
        for (const backend of backends) backend.signal('SIGCONT');
        await fleet.stop();
      },
    };
  },
});

/** A fault of one of three servers that speak raw HTTP/2, in this process. */
const ofStreams = (
  name: string,
  maxRequests: number | undefined,
  begin: (bad: EchoBackend) => void,
): Fault => ({
  name,
  async start() {
    const bad = await startEchoBackend(maxRequests === undefined ? {} : { maxRequests });
    const backends = [bad, await startEchoBackend(), await startEchoBackend()];
    return {
      ports: backends.map(({ url }) => Number(new URL(url).port)),
      begin: async () => begin(bad),
      stop: async () => {
        for (const backend of backends) backend.close();
      },
    };
  },
});

export const faults: readonly Fault[] = [
  ofStreams('does nothing wrong', undefined, () => undefined),
  ofProcesses('is killed (SIGKILL)', ([a]) => a.signal('SIGKILL')),
  ofProcesses('two of three are killed', ([a, b]) => {
    a.signal('SIGKILL');
    b.signal('SIGKILL');
  }),
  ofProcesses('fails every call at once (UNAVAILABLE)', ([a]) => control(a, '/faults', { failRate: 1 })),
  ofProcesses('unloads its model, and loads it for 3 s', async ([a]) => {
    await control(a, '/models/echo/versions/1/unload', { unloadingMs: 500 });
    await control(a, '/models/echo/versions/1/load', { loadingMs: 3000 });
  }),
  ofProcesses('is stopped (SIGSTOP)', ([a]) => a.signal('SIGSTOP')),
  ofProcesses('takes 900 ms for each call', ([a]) => control(a, '/faults', { latencyMs: 900 })),
  ofStreams('sends GOAWAY after each 100 requests', 100, () => undefined),
  ofStreams('breaks answers off with RST_STREAM(NO_ERROR)', undefined, (bad) => (bad.breaksOff = true)),
];
