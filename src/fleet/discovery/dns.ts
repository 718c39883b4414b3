/**
 * Backends behind a DNS name: its A and AAAA records, or the targets of its SRV records, asked again when their TTL
 * ends.
 */
import { ADDRCONFIG } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import { backoffMs } from '../../base/backoff.ts';
import { detach } from '../../base/faults.ts';
import type { BackendAddress, BackendTraits } from '../backend-address.ts';
import { type Hosts, ownFamily, serversOf } from './families.ts';
import { changesOnly, nameOf, type Source, type SourceDeps, type SourceEvents } from './source.ts';

export interface DnsOptions {
  readonly kind: 'dns';
  /** "a" asks for A and AAAA records of the name, "srv" for SRV records, which bring ports and weights. */
  readonly records: 'a' | 'srv';
  readonly name: string;
  /** With "a" only. */
  readonly port: number;
  readonly traits: BackendTraits;
  /**
   * Of a name with addresses in both families: one backend where there is one of each, else those of one family
   * (auto); those of one; each its own backend.
   */
  readonly family?: 'auto' | 'ipv4' | 'ipv6' | 'both' | undefined;
  /** "10.0.0.10" or "10.0.0.10:53"; empty for the system's. */
  readonly servers: readonly string[];
  /** A TTL below it is taken for it: names with a TTL of 0 would be asked for all the time. In ms. */
  readonly minTtlMs: number;
  /** A TTL above it is taken for it, and answers without one have this. In ms. */
  readonly maxTtlMs: number;
}

/** One answer, and for how long it holds. */
interface Answer {
  readonly backends: readonly BackendAddress[];
  readonly ttlMs: number;
}

interface Address {
  readonly address: string;
  /** In s; undefined when whoever answered has none. */
  readonly ttl?: number;
}

/** The wait for a server, and how often it is asked. */
const resolverOptions = { timeout: 1000, tries: 2 };
/** There is no such name, or no such record: an answer, though not one that helps. */
const emptyCodes: ReadonlySet<string | undefined> = new Set(['ENOTFOUND', 'ENODATA']);
const maxBackoffMs = 30_000;
/** Targets of SRV records that are looked up at once: an answer may have more than a thousand. */
const maxLookups = 64;

const codeOf = (reason: unknown): string | undefined => (reason as NodeJS.ErrnoException | undefined)?.code;

/**
 * Discovers backends by DNS: the A and AAAA records of a name, or the targets with the lowest priority number of its
 * SRV records (RFC 2782). Resolves again when the TTL ends, bounded by `minTtlMs` and `maxTtlMs`; failures are
 * retried with exponential backoff up to 30 s, plus or minus 20 %.
 * @throws TypeError (ERR_INVALID_IP_ADDRESS) when one of `servers` is no IP address
 */
export function dnsSource(options: DnsOptions, { random }: Pick<SourceDeps, 'random'>): Source {
  const resolver = new Resolver(resolverOptions);
  if (options.servers.length > 0) resolver.setServers(options.servers);
  let events: SourceEvents | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let askedMs = 0;
  let asking = false;

  const schedule = (ms: number): void => {
    clearTimeout(timer);
    if (events !== undefined)
      timer = setTimeout(() => {
        detach('backend', ask());
      }, ms).unref();
  };

  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    askedMs = performance.now();
    let waitMs: number;
    try {
      const { backends, ttlMs } = await answerOf(resolver, options);
      if (backends.length === 0) throw new Error('it has no addresses');
      failures = 0;
      waitMs = Math.min(options.maxTtlMs, Math.max(options.minTtlMs, ttlMs));
      events?.onBackends(backends);
    } catch (reason) {
      waitMs = backoffMs(options.minTtlMs, maxBackoffMs, failures++, random);
      const why = codeOf(reason) ?? (reason as Error).message;
      events?.onProblem(`DNS name ${options.name}: ${why}; the last answer stays`);
    } finally {
      asking = false;
    }
    schedule(waitMs);
  }

  return {
    start(listener) {
      events = changesOnly(listener);
      detach('backend', ask());
    },
    stop() {
      events = undefined;
      clearTimeout(timer);
      resolver.cancel();
    },
    refreshSoon() {
      if (!asking) schedule(Math.max(0, askedMs + options.minTtlMs - performance.now()));
    },
  };
}

async function answerOf(resolver: Resolver, options: DnsOptions): Promise<Answer> {
  const { traits, maxTtlMs, family = 'auto' } = options;
  const own = ownFamily();
  const servers = (found: readonly Address[]): Hosts[] =>
    serversOf(
      found.map(({ address }) => address),
      family,
      own,
    );
  if (options.records === 'a') {
    const found = await addressesOf(resolver, options.name);
    return {
      backends: servers(found).map((hosts) => backendAt(hosts, options.port, traits)),
      ttlMs: ttlOf(found, maxTtlMs),
    };
  }
  const records = await resolver.resolveSrv(options.name);
  // the lowest priority number is in use; the others are for when it is gone altogether
  const best = Math.min(...records.map(({ priority }) => priority));
  const targets = records.filter(({ priority }) => priority === best);
  const heaviest = Math.max(1, ...targets.map(({ weight }) => weight));
  const found: { addresses: readonly Address[]; port: number; weight: number }[] = [];
  for (let i = 0; i < targets.length; i += maxLookups)
    found.push(
      ...(await Promise.all(
        targets.slice(i, i + maxLookups).map(async ({ name, port, weight }) => {
          const addresses = await addressesOf(resolver, name);
          return { addresses, port, weight: Math.max(1, weight) / heaviest };
        }),
      )),
    );
  return {
    backends: found.flatMap(({ addresses, port, weight }) =>
      servers(addresses).map((hosts) => ({ ...backendAt(hosts, port, traits), weight })),
    ),
    ttlMs: ttlOf(
      found.flatMap(({ addresses }) => addresses),
      maxTtlMs,
    ),
  };
}

/**
 * A and AAAA records with their TTLs. Names that DNS does not know may be in the hosts file, or need a search domain:
 * the system's own look-up knows those, though not for how long.
 */
async function addressesOf(resolver: Resolver, name: string): Promise<readonly Address[]> {
  const both = await Promise.allSettled([
    resolver.resolve4(name, { ttl: true }),
    resolver.resolve6(name, { ttl: true }),
  ]);
  const found = both.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  if (found.length > 0) return found;
  const failed = both.find(
    (result) => result.status === 'rejected' && !emptyCodes.has(codeOf(result.reason)),
  ) as PromiseRejectedResult | undefined;
  if (failed !== undefined) throw failed.reason as Error;
  return await lookup(name, { all: true, hints: ADDRCONFIG });
}

function ttlOf(addresses: readonly Address[], maxTtlMs: number): number {
  return Math.min(...addresses.map(({ ttl }) => (ttl === undefined ? maxTtlMs : ttl * 1000)));
}

function backendAt(hosts: Hosts, port: number, traits: BackendTraits): BackendAddress {
  return { ...traits, name: nameOf(hosts.host, port), ...hosts, port };
}
