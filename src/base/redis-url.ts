/** The address of a Redis as an operator writes it: one server, a cluster, or servers that Sentinels watch over. */

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisServers {
  readonly kind: 'one' | 'cluster' | 'sentinel';
  /** The server; nodes to begin with; the Sentinels. */
  readonly addresses: readonly RedisAddress[];
  readonly tls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  /** 4 or 6 for addresses of that family alone; 0 for both. */
  readonly family: number;
  /** The name under which Sentinels know the servers. */
  readonly master: string;
  readonly sentinelUsername: string | undefined;
  readonly sentinelPassword: string | undefined;
}

/** With no example of a password: what looks like one is hidden wherever it is told. */
const form =
  'write redis://host:port/db (user, password and @ before the host where it wants them), redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/db?master=NAME; rediss for TLS';

const kinds = { '': 'one', '-cluster': 'cluster', '-sentinel': 'sentinel' } as const;
const defaultPort = 6379;
const defaultSentinelPort = 26_379;
const parameters = {
  one: ['username', 'password', 'db', 'family'],
  cluster: ['username', 'password', 'family'],
  sentinel: ['username', 'password', 'db', 'family', 'master', 'sentinelUsername', 'sentinelPassword'],
} as const;

const decoded = (text: string): string | undefined => (text === '' ? undefined : decodeURIComponent(text));

/** @returns what is wrong with it, never with the text itself: it has a password in it */
export function parseRedisUrl(text: string): RedisServers | string {
  const scheme = /^(redis|rediss)(|-cluster|-sentinel):\/\//.exec(text);
  if (!text.includes('://')) return `has no scheme, write redis:// before it; else ${form}`;
  if (scheme === null) return `is no URL of a Redis: ${form}`;
  const kind = kinds[scheme[2] as keyof typeof kinds];
  const [, authority = '', path = '', query = '', rest] =
    /^([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/s.exec(text.slice(scheme[0].length)) ?? [];
  if (rest !== undefined)
    return `is no URL of a Redis: ${form}; in a password / is written %2F, ? %3F, # %23 and % %25`;
  const at = authority.lastIndexOf('@');
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(authority.slice(0, Math.max(0, at))) ?? [];
  const addresses: RedisAddress[] = [];
  for (const place of authority.slice(at + 1).split(',')) {
    if (!URL.canParse(`redis://${place}`))
      return `is no URL of a Redis: ${form}; in a password / is written %2F, ? %3F, # %23 and % %25`;
    const { hostname, port } = new URL(`redis://${place}`);
    if (hostname === '') return `names no host: ${form}`;
    const number = port === '' ? (kind === 'sentinel' ? defaultSentinelPort : defaultPort) : Number(port);
    addresses.push({ host: hostname.replace(/^\[(.*)\]$/, '$1'), port: number });
  }
  if (kind === 'one' && addresses.length > 1)
    return 'names several hosts: write redis-cluster:// for a cluster, redis-sentinel:// for Sentinels';
  if (!/^\/?[0-9]*$/.test(path))
    return `has something else than the number of a database behind its host: ${form}; in a password / is written %2F`;
  const said = new URLSearchParams(query);
  const known: readonly string[] = parameters[kind];
  for (const name of said.keys())
    if (!known.includes(name)) return `has a parameter that is not known: ${known.join(', ')} are`;
  const db = Number(path.slice(1) || (said.get('db') ?? '0'));
  const family = Number(said.get('family') ?? '0');
  if (!Number.isInteger(db) || db < 0) return 'has a database that is no number';
  if (kind === 'cluster' && db !== 0) return 'names a database, of which a cluster has none but 0';
  if (![0, 4, 6].includes(family)) return 'has a family that is neither 4 nor 6';
  const master = said.get('master') ?? '';
  if (kind === 'sentinel' && master === '')
    return 'does not say how the Sentinels name the servers: add ?master=NAME (the name in "sentinel monitor")';
  try {
    return {
      kind,
      addresses,
      tls: scheme[1] === 'rediss',
      username: decoded(user) ?? said.get('username') ?? undefined,
      password: decoded(password) ?? said.get('password') ?? undefined,
      db,
      family,
      master,
      sentinelUsername: said.get('sentinelUsername') ?? undefined,
      sentinelPassword: said.get('sentinelPassword') ?? undefined,
    };
  } catch {
    return 'has a % in its user or password that encodes nothing: a % itself is written %25';
  }
}
