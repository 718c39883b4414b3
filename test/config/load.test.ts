/** Configurations: every mistake at once with its path, flags before the file, defaults for the rest. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError, loadSnapshot, parseBackendUrl } from '../../src/config/index.ts';
import { makeCertificates } from '../support/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorgate-config-'));
let files = 0;
function file(text: string): string {
  const path = join(folder, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}

function problems(text: string, env: Record<string, string> = {}): string[] {
  try {
    loadSnapshot(file(text), {}, env);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}
const fine = 'fleets: { default: { backends: ["tfs://a:8500"] } }\n';

describe('a configuration', () => {
  it('wants backends, or a place to find them', () => {
    assert.deepEqual(problems('fleets: { default: { backends: [] } }\n'), [
      'fleets.default: has neither backends nor a discovery.file or discovery.kubernetes',
    ]);
    assert.deepEqual(problems('fleets: { default: { discovery: { file: { path: /tmp/b.yaml } } } }\n'), []);
  });

  it('takes DNS names, weights and zones of backends', () => {
    assert.deepEqual(
      problems(
        'fleets: { default: { backends: [dns+tfs://models:8500, srv+grpcs://_grpc._tcp.models, { url: tfs://a:1, weight: 2, zone: a }] } }\n',
      ),
      [],
    );
    assert.deepEqual(parseBackendUrl('srv+tfs://models.test'), {
      host: 'models.test',
      port: 1,
      tls: false,
      api: 'tfs',
      records: 'srv',
    });
  });

  it('says every mistake at once, with its path', () => {
    const found = problems(
      'doors: { restPort: 70000, grcpPort: 1 }\nfleets: { default: { backends: 3 } }\nworkers: 0\n',
    );
    assert.ok(
      found.some((line) => line.startsWith('doors.restPort: must be <= 65535')),
      found.join('\n'),
    );
    assert.ok(
      found.some((line) => line === 'doors.grcpPort: unknown key (did you mean grpcPort?)'),
      found.join('\n'),
    );
    assert.ok(
      found.some((line) => line.startsWith('fleets.default.backends: ')),
      found.join('\n'),
    );
    assert.deepEqual(
      found.filter((line) => line.startsWith('workers')),
      ['workers: must be integer from 1 to 256 or "auto"'],
    );
  });

  for (const [name, text, expected] of [
    [
      'ports that are the same',
      `${fine}doors: { restPort: 9000 }`,
      'doors.grpcPort: is 9000, as doors.restPort is: each door needs a port of its own',
    ],
    [
      'a fleet that is not there',
      `${fine}models: { m: { fleet: other } }`,
      'models.m.fleet: there is no fleet named other',
    ],
    ['a cache without Redis', `${fine}models: { m: { cache: {} } }`, 'models.m.cache: needs cache.redisUrl'],
    [
      'a backend that is no URL',
      'fleets: { default: { backends: ["localhost"] } }',
      /^fleets\.default\.backends\[0\]: "localhost" is no backend URL/,
    ],
    [
      'a backend twice',
      'fleets: { default: { backends: ["tfs://a:1", "tfs://a:1"] } }',
      'fleets.default.backends[1]: tfs://a:1 is there twice',
    ],
    [
      'a key file that is not there',
      `${fine}doors: { tls: { cert: /nowhere/c, key: /nowhere/k } }`,
      'doors.tls.cert: cannot read /nowhere/c: ENOENT',
    ],
    [
      'a default beyond the maximum',
      `${fine}deadlines: { defaultMs: 5, maxMs: 4 }`,
      'deadlines.defaultMs: is longer than deadlines.maxMs',
    ],
    [
      'a model’s default beyond the maximum for all',
      `${fine}models: { m: { deadlines: { defaultMs: 700000 } } }`,
      'models.m.deadlines.defaultMs: is longer than deadlines.maxMs: models.m.deadlines.maxMs may be more',
    ],
    [
      'a model’s default beyond its own maximum',
      `${fine}models: { m: { deadlines: { defaultMs: 5, maxMs: 4 } } }`,
      'models.m.deadlines.defaultMs: is longer than models.m.deadlines.maxMs',
    ],
    [
      'a rate by what proxies write',
      `${fine}rateLimits: [{ name: a, by: "header:x-forwarded-for", perSecond: 1 }]`,
      'rateLimits[0].by: x-forwarded-for is for proxies to say and for anybody to write, and no call over REST has it: go by peer, with doors.trustedProxies',
    ],
    [
      'no backend at all',
      'models: {}',
      'fleets: there is no backend: name one with --backend, or fleets in a configuration',
    ],
    [
      'a variable that is not set',
      'fleets: { default: { backends: ["tfs://${HOST}:1"] } }',
      'fleets.default.backends[0]: the environment has no variable HOST',
    ],
    [
      'a default fleet that only every object has',
      `${fine}defaultFleet: constructor`,
      'defaultFleet: there is no fleet named constructor',
    ],
    [
      'a model in a fleet that only every object has',
      `${fine}models: { m: { fleet: toString } }`,
      'models.m.fleet: there is no fleet named toString',
    ],
    [
      'a route to a fleet that only every object has',
      `${fine}proxy: { routes: [{ prefix: /v3, fleet: __proto__ }] }`,
      'proxy.routes[0].fleet: there is no fleet named __proto__',
    ],
    [
      'a variable that only every object has',
      'fleets: { default: { backends: ["tfs://${valueOf}:1"] } }',
      'fleets.default.backends[0]: the environment has no variable valueOf',
    ],
    [
      'cookies for pages of every origin',
      `${fine}cors: { origins: ['*'], allowCredentials: true }`,
      'cors.allowCredentials: with origins *, any page on the web could call with the cookies of whoever looks at it: name the origins',
    ],
    [
      'cookies for pages of every origin, which is the default',
      `${fine}cors: { allowCredentials: true }`,
      /^cors\.allowCredentials: with origins \*/,
    ],
    [
      'an origin that no browser sends',
      `${fine}cors: { origins: [https://app.example/] }`,
      /^cors\.origins\[0\]: "https:\/\/app\.example\/" is no origin/,
    ],
    ['aliases without end', `a:\n${'- &a x\n- *a\n'.repeat(1001)}`, /more than 1000 aliases/],
    ['a file without end', '# \n'.repeat(3 * 2 ** 20), /larger than 8388608 bytes/],
    ['broken YAML', 'doors: [', /is no YAML: /],
    [
      'a Redis without a scheme',
      `${fine}cache: { redisUrl: 'localhost:6379' }`,
      'cache.redisUrl: has no scheme, write redis:// before it; else write redis://host:port/db (user, password and @ before the host where it wants them), redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/db?master=NAME; rediss for TLS',
    ],
    [
      'a rule behind another one for the same',
      `${fine}models: { m: { rules: [{ header: x-a, value: b, version: 1 }, { header: x-a, value: b, version: 2 }] } }`,
      'models.m.rules[1]: can never match: models.m.rules[0] has the same header and value, and the first that fits decides',
    ],
    [
      'a rule for a value that no header has',
      `${fine}models: { m: { rules: [{ header: x-a, value: ' b', version: 1 }] } }`,
      'models.m.rules[0].value: can never match: a header has no white space at its ends, and no control characters',
    ],
    [
      'a header in upper case, which none is',
      `${fine}models: { m: { rules: [{ header: X-A, value: b, version: 1 }] } }`,
      'models.m.rules[0].header: must be a header in lower case: letters, digits and hyphens',
    ],
    [
      'an unknown key of a backend',
      'fleets: { default: { backends: [{ url: "tfs://a:1", wieght: 2 }] } }',
      'fleets.default.backends[0].wieght: unknown key (did you mean weight?)',
    ],
    ['a key that is not there', `${fine}doors: { tls: { cert: /nowhere/c } }`, 'doors.tls: key is missing'],
    ['a list', '- a', /holds no configuration/],
  ] as const) {
    it(`refuses ${name}`, () => {
      const found = problems(text);
      assert.ok(
        found.some((line) =>
          typeof expected === 'string'
            ? line === expected
            : expected.test(line) || expected.test(line.slice(2)),
        ),
        found.join('\n'),
      );
    });
  }

  it('refuses all that goes by a header that no call over REST has', () => {
    const found = problems(
      `${fine}models: { m: { rules: [{ header: grpc-timeout, value: 1S }], stickyHeader: host } }
cache: { vary: [Content-Type, x-tenant] }
rest: { forwardHeaders: [accept, seldon-*], returnHeaders: [content-length] }`,
    );
    assert.deepEqual(
      found.map((line) => line.split(' ', 2).join(' ')),
      [
        'models.m.rules[0].header: grpc-timeout',
        'models.m.stickyHeader: host',
        'cache.vary[0]: content-type',
        'rest.forwardHeaders[0]: accept',
        'rest.returnHeaders[0]: content-length',
      ],
    );
  });

  it('takes variables from the environment, and defaults for those that are not there', () => {
    const text = 'fleets: { default: { backends: ["tfs://${HOST}:${PORT:-8500}"] } }';
    assert.deepEqual(loadSnapshot(file(text), {}, { HOST: 'h' }).config.fleets.default?.backends, [
      'tfs://h:8500',
    ]);
  });

  it('knows the names that are there, be they those that every object has, and no others', () => {
    const odd = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];
    const fleets = odd.map((name, i) => `  ${name}: { backends: ["tfs://a:${i + 1}"] }\n`).join('');
    const models = odd.map((name) => `  ${name}: { fleet: ${name}, labels: { ${name}: 3 } }\n`).join('');
    const { config } = loadSnapshot(
      file(`fleets:\n${fleets}models:\n${models}defaultFleet: constructor\n`),
      {},
      {},
    );
    assert.deepEqual(Object.keys(config.fleets), odd);
    assert.deepEqual(Object.keys(config.models), odd);
    assert.deepEqual(
      odd.map((name) => config.models[name]?.labels?.[name]),
      [3, 3, 3, 3],
    );
    const labels = Object.values(config.models)[0]?.labels ?? {};
    for (const named of [config.models, config.fleets, labels]) assert.equal('valueOf' in named, false);
  });

  it('reads no more of a file than a configuration can have', { timeout: 10_000 }, () => {
    assert.throws(() => loadSnapshot('/dev/zero', {}, {}), /cannot read \/dev\/zero: it is larger than/);
    assert.deepEqual(problems(`${fine}doors: { tls: { cert: /dev/zero, key: /dev/null } }`), [
      'doors.tls.cert: cannot read /dev/zero: it is larger than 1048576 bytes',
    ]);
  });

  it('wants certificates that work, before anything is opened with them', async () => {
    const pem = await makeCertificates('one', 'two');
    const tls = (cert: string, key: string, ca: string): string =>
      `tls: { cert: ${pem(cert)}, key: ${pem(key)}, ${ca} }`;
    const withTls = (doors: string, fleet: string): string[] =>
      problems(`doors: { ${doors} }\nfleets: { default: { backends: ["tfss://a:1"], ${fleet} } }\n`);
    const good = (ca: string): string => tls('one.pem', 'one.key', `${ca}: ${pem('ca.pem')}`);
    assert.deepEqual(withTls(good('clientCa'), good('ca')), []);
    const mixed = tls('one.pem', 'two.key', '');
    const found = withTls(mixed, mixed);
    assert.equal(found.length, 2, found.join('\n'));
    assert.match(found[0] ?? '', /^doors\.tls: the certificate and key of the doors do not work: /);
    assert.match(
      found[1] ?? '',
      /^fleets\.default\.tls: the certificate and key of fleet default do not work: /,
    );
    // Node itself takes a text without certificates for an empty list
    const noCa = tls('one.pem', 'one.key', `clientCa: ${pem('one.key')}`);
    assert.deepEqual(withTls(noCa, good('ca')), [
      `doors.tls.clientCa: ${pem('one.key')} does not work: there is no certificate in it`,
    ]);
  });

  it('lets flags come first, and fills in what nobody says', () => {
    const { config } = loadSnapshot(
      file(`${fine}doors: { restPort: 1, grpcPort: 2 }`),
      { restPort: 3, backends: ['grpc://b:1'] },
      {},
    );
    assert.equal(config.doors.restPort, 3);
    assert.equal(config.doors.grpcPort, 2);
    assert.equal(config.doors.adminPort, 8001);
    assert.deepEqual(config.fleets.default?.backends, ['grpc://b:1']);
    assert.equal(config.cache.timeoutMs, 20);
  });

  it('is frozen to its depths', () => {
    const { config } = loadSnapshot(file(fine), {}, {});
    assert.ok(Object.isFrozen(config) && Object.isFrozen(config.fleets.default?.health));
  });
});

describe('backend URLs', () => {
  for (const [url, host, port, tls, api] of [
    ['grpc://a:1', 'a', 1, false, 'detect'],
    ['grpcs://a:1', 'a', 1, true, 'detect'],
    ['tfs://a.b:8500', 'a.b', 8500, false, 'tfs'],
    ['tfss://a:1/', 'a', 1, true, 'tfs'],
    ['tfs://[::1]:8500', '::1', 8500, false, 'tfs'],
    ['kserve://a:1', 'a', 1, false, 'kserve'],
    ['kserves://a:1', 'a', 1, true, 'kserve'],
    ['tfs+http://a:1', 'a', 1, false, 'tfs+http'],
    ['tfs+https://a:1', 'a', 1, true, 'tfs+http'],
    ['kserve+http://a:1', 'a', 1, false, 'kserve+http'],
    ['kserve+https://a:1', 'a', 1, true, 'kserve+http'],
    ['http://a:1', 'a', 1, false, 'http'],
    ['https://a:1', 'a', 1, true, 'http'],
  ] as const) {
    it(`reads ${url}`, () => {
      assert.deepEqual(parseBackendUrl(url), { host, port, tls, api });
    });
  }
  for (const url of [
    'tfs://a',
    'tfs://a:0',
    'tfs://a:99999',
    'tfs://u@a:1',
    'v3://a:1',
    'a:1',
    'http://a:1/path',
    'http://a:1?x',
    'httpss://a:1',
    '',
  ]) {
    it(`refuses "${url}" in words`, () => {
      assert.equal(typeof parseBackendUrl(url), 'string');
    });
  }
});
