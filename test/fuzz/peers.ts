/**
 * Campaigns of peers: model servers, Redis, the Kubernetes API and DNS say strange things to a gateway whose clients
 * are well.
 */
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { startKubernetes, startRawBackend, startRedis, startVictim, type Slice } from '../support/index.ts';
import { http1Attack, http2Attack } from './attacks.ts';
import type { Campaign, Scene } from './campaign.ts';
import { Chance, seedOf } from './chance.ts';
import { type Questions, questionsOf } from './corpus.ts';
import { quickTimes } from './doors.ts';
import { nodeFlags } from './handles.ts';
import { mutate } from './mutate.ts';
import { answerOddly } from './peers/grpc-answers.ts';
import { startOddHttpServer } from './peers/http-answers.ts';
import { type Change, type MutatingProxy, startMutatingProxy } from './peers/mutating-proxy.ts';
import { startOddDns } from './peers/odd-dns.ts';
import { strayIn } from './stray.ts';

/** The peers of one campaign, and how the gateway is told of them. */
interface Peers {
  /** More of its configuration: fleets beside "safe", and the models that they have. */
  readonly config: Record<string, unknown>;
  readonly fleets: Readonly<Record<string, unknown>>;
  /** By the name that clients use. */
  readonly models: Readonly<Record<string, unknown>>;
  /** Answers that were strange, so far. */
  answers(): number;
  /** Called for each input, beside the calls: what changes of itself. */
  stir?(chance: Chance): void;
  calm(): void;
  stop(): Promise<void> | void;
}

/** Models of strange peers; the one of the bystanders is half_plus_two. */
const names = ['a', 'b', 'c', 'd', 'e'];

/** Servers that are never left out get the most calls. */
const patient = {
  ejection: { consecutiveErrors: 0, failurePercent: 0 },
  health: { fastIntervalMs: 100, timeoutMs: 500, rise: 1 },
};

function withPeers(name: string, prepare: (chance: Chance, demo: DemoFleet) => Promise<Peers>): Campaign {
  return {
    name,
    width: 16,
    async start(seed): Promise<Scene> {
      const demo = await startDemoFleet({
        replicas: 2,
        models: ['half_plus_two', ...names.map((each) => `${each}=half_plus_two`)],
      });
      const peers = await prepare(new Chance(seedOf(seed, `${name} peers`, 0)), demo);
      const gateway = await startVictim(
        [],
        {
          ...quickTimes,
          ...peers.config,
          fleets: { safe: { backends: [demo.backends[0]?.url] }, ...peers.fleets },
          defaultFleet: 'safe',
          models: { half_plus_two: { fleet: 'safe' }, ...peers.models },
        },
        nodeFlags,
      );
      const questions: readonly Questions[] = Object.keys(peers.models).map(questionsOf);
      let counted = 0;
      return {
        gateway,
        async run(chance) {
          peers.stir?.(chance);
          const attack = chance.percent(60) ? http2Attack : http1Attack;
          const address = chance.percent(50) ? gateway.rest : gateway.grpc;
          await attack(chance, address, chance.pick(questions), true);
          const now = peers.answers();
          const since = now - counted;
          counted = now;
          return since;
        },
        async calm() {
          peers.calm();
        },
        async stop() {
          await gateway.stop();
          await peers.stop();
          await demo.stop();
        },
      };
    },
  };
}

export const grpcPeerCampaign = withPeers('grpc-peer', async (chance, demo) => {
  const port = demo.backends[1]?.port ?? 0;
  const change: Change = (by, bytes) => mutate(by, bytes, [bytes], 2);
  const proxies = [
    await startMutatingProxy(port, chance, change, 15),
    await startMutatingProxy(port, chance, change, 5),
  ] as const;
  let odd = 0;
  let calm = false;
  const raw = await startRawBackend({
    onCall(call) {
      odd++;
      if (calm) call.socket.destroy();
      else answerOddly(chance, call);
    },
  });
  return {
    config: {},
    fleets: {
      mutated: { ...patient, backends: [`tfs://${proxies[0].address}`] },
      asked: { ...patient, backends: [`grpc://${proxies[1].address}`] },
      raw: { ...patient, backends: [raw.url] },
      bridged: { ...patient, backends: [`kserve://${proxies[0].address}`] },
    },
    models: {
      a: { fleet: 'mutated' },
      b: { fleet: 'asked' },
      c: { fleet: 'raw' },
      d: { fleet: 'raw' },
      e: { fleet: 'bridged' },
    },
    answers: () => odd + proxies[0].changed + proxies[1].changed,
    calm() {
      calm = true;
      for (const proxy of proxies) proxy.percent = 0;
    },
    stop() {
      raw.close();
      for (const proxy of proxies) proxy.close();
    },
  };
});

export const httpPeerCampaign = withPeers('http-peer', async (chance) => {
  const server = await startOddHttpServer(chance);
  const at = (scheme: string): object => ({
    ...patient,
    backends: [`${scheme}://127.0.0.1:${server.port}`],
  });
  return {
    config: { proxy: { ...quickTimes.proxy, routes: [{ prefix: '/v3', fleet: 'llm' }] } },
    fleets: { tfs: at('tfs+http'), v2: at('kserve+http'), llm: at('http') },
    models: { a: { fleet: 'tfs' }, b: { fleet: 'v2' } },
    answers: () => server.answers,
    calm: () => void (server.calm = true),
    stop: () => server.close(),
  };
});

const respReplies = [
  '+OK\r\n',
  '-ERR x\r\n',
  '-READONLY You can not write\r\n',
  '-MOVED 1 127.0.0.1:1\r\n',
  '-LOADING x\r\n',
  '-NOSCRIPT x\r\n',
  ':1\r\n',
  ':-1\r\n',
  '$-1\r\n',
  '$0\r\n\r\n',
  '$5\r\nhello\r\n',
  '*0\r\n',
  '*-1\r\n',
  '*2\r\n:1\r\n:2\r\n',
  '*2\r\n$1\r\na\r\n*1\r\n:5\r\n',
  '%1\r\n+a\r\n:1\r\n',
  '_\r\n',
  '#t\r\n',
  ',1.5\r\n',
  '>2\r\n+a\r\n+b\r\n',
  '$99999999\r\nabc',
  'nonsense\r\n',
  '\r\n',
].map((text) => Buffer.from(text));

export const redisPeerCampaign = withPeers('redis-peer', async (chance, demo) => {
  const redis = await startRedis();
  const change: Change = (by, bytes) => {
    if (by.percent(45)) return by.pick(respReplies);
    if (by.percent(15)) return Buffer.concat([bytes, by.pick(respReplies)]);
    return mutate(by, bytes, respReplies, 2);
  };
  const proxy: MutatingProxy = await startMutatingProxy(redis.port, chance, change, 25);
  const redisUrl = `redis://${proxy.address}`;
  return {
    config: {
      cache: { redisUrl, breakerMs: 20, ttlMs: 500 },
      sharedLimits: { redisUrl, breakerMs: 20 },
      rateLimits: [
        { name: 'all', models: ['a', 'b'], perSecond: 100_000, burst: 100_000, shared: true },
        { name: 'peer', models: ['b'], by: 'peer', perSecond: 100_000, burst: 100_000, shared: true },
      ],
    },
    fleets: { well: { backends: [demo.backends[1]?.url] } },
    models: { a: { fleet: 'well', cache: { enabled: true } }, b: { fleet: 'well' } },
    answers: () => proxy.changed,
    calm: () => void (proxy.percent = 0),
    async stop() {
      proxy.close();
      await redis.stop();
    },
  };
});

const serviceName = 'tfs';

export const kubernetesPeerCampaign = withPeers('kubernetes-peer', async (chance, demo) => {
  const port = demo.backends[1]?.port ?? 0;
  const kubernetes = await startKubernetes();
  // addresses stay what they are: the gateway would call whoever has another one
  const change: Change = (by, bytes) => {
    const at = by.below(bytes.length + 1);
    const noise = by.pick(['{', '}', '[', 'null', '\n', '"', '\\', '\r\n\r\n', '\0', ',']);
    return by.pick([
      bytes.subarray(0, at),
      Buffer.concat([bytes.subarray(0, at), Buffer.from(noise), bytes.subarray(at)]),
      Buffer.concat([bytes, Buffer.from('{"type":"ERROR","object":{"code":410}}\n')]),
      Buffer.concat([bytes, bytes]),
    ]);
  };
  const proxy = await startMutatingProxy(Number(kubernetes.url.split(':')[2]), chance, change, 10);
  let told = 0;
  const slice = (name: string, by: Chance | undefined): Slice => {
    const right = {
      addressType: 'IPv4',
      ports: [{ name: 'grpc', port, protocol: 'TCP' }],
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true }, zone: 'a' }],
    };
    const metadata = { name, labels: { 'kubernetes.io/service-name': serviceName } };
    return { metadata, ...((by === undefined ? right : strayIn(by, right)) as typeof right) } as Slice;
  };
  kubernetes.put(slice('well', undefined));
  return {
    config: {},
    fleets: {
      pods: {
        discovery: {
          kubernetes: {
            service: serviceName,
            namespace: 'models',
            scheme: 'tfs',
            apiServer: `http://${proxy.address}`,
            tokenFile: '',
            caFile: '',
          },
        },
      },
    },
    models: { a: { fleet: 'pods' } },
    answers: () => told + proxy.changed,
    stir(by) {
      told++;
      const way = by.below(20);
      if (way < 12) kubernetes.put(slice(`s${by.below(4)}`, by));
      else if (way < 15) kubernetes.remove(`s${by.below(4)}`);
      else if (way < 16) kubernetes.compact();
      else if (way < 18) kubernetes.endWatches(by.pick([undefined, 410, 500]));
      else kubernetes.bookmark();
    },
    calm: () => void (proxy.percent = 0),
    async stop() {
      proxy.close();
      await kubernetes.stop();
    },
  };
});

export const dnsPeerCampaign = withPeers('dns-peer', async (chance, demo) => {
  const port = demo.backends[1]?.port ?? 0;
  const dns = await startOddDns(chance, port);
  const discovery = { dns: { servers: [dns.address], minTtlMs: 5, maxTtlMs: 20 } };
  return {
    config: {},
    fleets: {
      named: { backends: [`dns+tfs://models.test:${port}`], discovery },
      listed: { backends: ['srv+tfs://_grpc._tcp.models.test'], discovery },
    },
    models: { a: { fleet: 'named' }, b: { fleet: 'listed' } },
    answers: () => dns.answers,
    calm: () => void (dns.calm = true),
    stop: () => dns.close(),
  };
});

export const peerCampaigns: readonly Campaign[] = [
  grpcPeerCampaign,
  httpPeerCampaign,
  redisPeerCampaign,
  kubernetesPeerCampaign,
  dnsPeerCampaign,
];
