/** Mistakes of a configuration: all of them at once, each with its place, and none that is a consequence of another. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ConfigError, type Flags, loadSnapshot } from '../../src/config/index.ts';
import { makeCertificates } from '../support/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorgate-mistakes-'));
let files = 0;
function file(text: string): string {
  const path = join(folder, `${++files}.yaml`);
  writeFileSync(path, text);
  return path;
}
const fine = 'fleets: { default: { backends: ["tfs://a:8500"] } }\n';

describe('mistakes', () => {
  const placed = (text: string, flags: Flags = {}): string[] => {
    try {
      loadSnapshot(file(text), flags, {});
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error));
      return error.problems.map(({ path, line, column }) => `${line ?? ''}:${column ?? ''} ${path}`);
    }
    return [];
  };

  it('of values, and between them, are told together, as a person goes through the file', () => {
    assert.deepEqual(
      placed(`doors:
  restPort: 70000
  tls: { cert: /nowhere/c, key: /nowhere/k }
  proxyProtocol: true
fleets:
  default:
    backends: ["tfs://a:1", 5, nope]
  other: { backends: 7 }
models:
  m:
    fleet: gone
    rules:
      - { value: x }
      - { header: grpc-timeout, value: y, version: 1 }
      - { header: grpc-timeout, value: y, version: 2 }
  7: { fleet: gone, colour: red }
rateLimits:
  - { perSecond: 1 }
  - { name: a, perSecond: 1, shared: true, by: 'header:host' }
cache: { redisUrl: 'localhost:6379', vary: [host, 5, te] }
sharedLimits: { redisUrl: 5 }
proxy: { routes: [{ prefix: /v2, fleet: gone }] }
cors: { allowCredentials: true, origins: ['*', 'https://a/'] }
deadlines: { defaultMs: 5, maxMs: 4 }
nope: 1
`),
      [
        '2:3 doors.restPort',
        '3:10 doors.tls.cert',
        '3:28 doors.tls.key',
        '4:3 doors.proxyProtocol',
        '7:29 fleets.default.backends[1]',
        '7:32 fleets.default.backends[2]',
        '8:12 fleets.other.backends',
        '11:5 models.m.fleet',
        '13:9 models.m.rules[0]',
        '14:11 models.m.rules[1].header',
        '15:9 models.m.rules[2]',
        '15:11 models.m.rules[2].header',
        '16:8 models.7.fleet',
        '16:21 models.7.colour',
        '18:5 rateLimits[0]',
        '19:44 rateLimits[1].by',
        '20:10 cache.redisUrl',
        '20:45 cache.vary[0]',
        '20:51 cache.vary[1]',
        '20:54 cache.vary[2]',
        '21:17 sharedLimits.redisUrl',
        '22:21 proxy.routes[0].prefix',
        '22:34 proxy.routes[0].fleet',
        '23:9 cors.allowCredentials',
        '23:48 cors.origins[1]',
        '24:14 deadlines.defaultMs',
        '25:1 nope',
      ],
    );
  });

  for (const [what, text] of [
    ['a maximum', `${fine}deadlines: { defaultMs: 700000, maxMs: x }`],
    ['the address of a cache', `${fine}cache: { redisUrl: 5 }\nmodels: { m: { cache: {} } }`],
    ['a list of proxies', `${fine}doors: { proxyProtocol: true, trustedProxies: 5 }`],
    ['backends', 'fleets: { default: { backends: 5 } }'],
    ['a fleet', 'fleets: { default: 5 }\nmodels: { m: { fleet: default } }'],
    ['the fleets', 'fleets: 5'],
    ['a port', `${fine}doors: { restPort: '9000' }`],
    ['a model of another fleet', `${fine}models: { a: { split: 5, fleet: default }, b: { model: a } }`],
    ['a section', `${fine}doors: 5`],
    ['what a variable would say', `${fine}cache: { redisUrl: '\${NOT_THERE}' }`],
  ] as const)
    it(`in ${what} are no reason for others, in what would belong to it`, () => {
      assert.equal(placed(text).length, 1, placed(text).join('\n'));
    });

  it('are told up to fifty, and the rest is counted', () => {
    const text = `${fine}${Array.from({ length: 120 }, (_, i) => `x${i}: 1\n`).join('')}`;
    assert.throws(
      () => loadSnapshot(file(text), {}, {}),
      (error: ConfigError) => {
        assert.equal(error.problems.length, 50);
        assert.equal(error.more, 70);
        assert.match(error.message, /\nand 70 more$/);
        assert.match(error.message, /^x0: unknown key .* \(line 2, column 1\)\n/);
        return true;
      },
    );
  });

  it('are found soon in a file full of them', { timeout: 20_000 }, () => {
    const models = Array.from(
      { length: 3000 },
      (_, i) => `  m${i}: { rules: [{ value: ' ' }], fleet: f${i}, nope: ${i} }\n`,
    ).join('');
    assert.equal(placed(`${fine}models:\n${models}`).length, 50);
  });

  it('of YAML are told together, too', () => {
    assert.deepEqual(placed('a: 1\na: 2\nb: { c: 1, c: 2 }\n'), ['2:1 ', '3:12 ']);
    assert.deepEqual(placed('a: "b\n'), ['2:1 ']);
  });

  it('in what a flag says name the flag, and no place in the file', () => {
    const flags = { restPort: 7, grpcPort: 7, tlsCert: '/nowhere/c', tlsKey: '/nowhere/k' };
    assert.throws(
      () => loadSnapshot(file(`doors: { restPort: 5 }\n${fine}`), flags, {}),
      (error: ConfigError) => {
        assert.deepEqual(error.message.split('\n'), [
          'doors.grpcPort: is 7, as doors.restPort is: each door needs a port of its own (--grpc-port)',
          'doors.tls.cert: cannot read /nowhere/c: ENOENT (--tls-cert)',
          'doors.tls.key: cannot read /nowhere/k: ENOENT (--tls-key)',
        ]);
        assert.deepEqual(error.files, ['/nowhere/c', '/nowhere/k']);
        return true;
      },
    );
    // a flag beside it does not make it well
    assert.deepEqual(placed(`doors: 5\n${fine}`, { restPort: 7 }), ['1:1 doors']);
    assert.deepEqual(placed('fleets: 5', { backends: ['tfs://a:1'] }), ['1:1 fleets']);
  });

  it('are not made by flags that say a part of what the file says', async () => {
    const pem = await makeCertificates('one');
    const { config } = loadSnapshot(
      file(`doors: { tls: { cert: /nowhere/c, key: /nowhere/k, clientCa: ${pem('ca.pem')} } }\n${fine}`),
      { tlsCert: pem('one.pem'), tlsKey: pem('one.key') },
      {},
    );
    assert.equal(config.doors.tls?.clientCa, pem('ca.pem'));
  });
});

describe('the place of a mistake', () => {
  for (const [text, path, line, column] of [
    ['doors:\n  restPort: -1\n', 'doors.restPort', 2, 3],
    ['fleets:\n  a:\n    backends:\n      - tfs://b:1\n      - nope\n', 'fleets.a.backends[1]', 5, 9],
    ['fleets: { a.b: { backends: [tfs://b:1], weigth: 1 } }\n', 'fleets.a.b.weigth', 1, 41],
    ['fleets: { a: { backends: [tfs://b:1] } }\nmodels:\n  m: { fleet: x }\n', 'models.m.fleet', 3, 8],
  ] as const)
    it(`${path} is line ${line}, column ${column}`, () => {
      assert.throws(
        () => loadSnapshot(file(text), {}, {}),
        ({ problems }: ConfigError) => {
          const found = problems.find((problem) => problem.path === path);
          assert.deepEqual([found?.line, found?.column], [line, column], JSON.stringify(problems));
          return true;
        },
      );
    });

  it('is none for what a flag says', () => {
    assert.throws(
      () => loadSnapshot(undefined, { backends: ['nope'] }, {}),
      ({ problems: [problem] }: ConfigError) => problem !== undefined && problem.line === undefined,
    );
  });
});
