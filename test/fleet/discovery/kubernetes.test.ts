/** Backends behind a Kubernetes service, against a faithful fake of the API: lists, watches, and everything between. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { backendsIn } from '../../../src/fleet/discovery/endpoint-slices.ts';
import { kubernetesSource, type KubernetesOptions } from '../../../src/fleet/discovery/kubernetes.ts';
import type { Source } from '../../../src/fleet/discovery/source.ts';
import {
  makeCertificates,
  type Slice,
  startKubernetes,
  type TestKubernetes,
  waitFor,
} from '../../support/index.ts';
import { listen, testSource, type Told } from './compliance.ts';

const options = (api: TestKubernetes, fields: Partial<KubernetesOptions> = {}): KubernetesOptions => ({
  kind: 'kubernetes',
  server: { url: api.url, tokenFile: '', caFile: '' },
  namespace: 'models',
  service: 'tfs',
  port: 'grpc',
  traits: { api: 'tfs' },
  ...fields,
});
const random = (): number => 0.5;

function slice(name: string, addresses: readonly string[], fields: Partial<Slice> = {}): Slice {
  return {
    metadata: { name, labels: { 'kubernetes.io/service-name': 'tfs' } },
    addressType: 'IPv4',
    ports: [{ name: 'grpc', port: 8500, protocol: 'TCP' }],
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ...fields,
  };
}
const hostOf = (name: string): string => name.split(':')[0] ?? '';

testSource(
  'kubernetes',
  async () => {
    const api = await startKubernetes();
    return {
      source: kubernetesSource(options(api), { random }),
      set(names) {
        api.failing = undefined;
        api.put(slice('tfs-abc', names.map(hostOf)));
      },
      fail() {
        api.failing = 500;
        api.endWatches();
      },
      stop: () => api.stop(),
    };
  },
  300,
);

describe('the source kubernetes', () => {
  let api: TestKubernetes;
  let source: Source;
  let told: Told;
  beforeEach(async () => {
    api = await startKubernetes();
  });
  afterEach(async () => {
    source.stop();
    await api.stop();
  });
  const start = (fields: Partial<KubernetesOptions> = {}): void => {
    source = kubernetesSource(options(api, fields), { random });
    told = listen(source);
  };
  const isTold = (...names: string[]): Promise<true> =>
    waitFor(
      () => JSON.stringify(told.sets.at(-1)) === JSON.stringify(names.map((name) => `${name}:8500`)),
      20_000,
      `${names.join()} (told: ${JSON.stringify(told.sets)})`,
    );

  it('joins slices and pages, and follows each of them', async () => {
    api.pageSize = 2;
    for (let i = 1; i <= 5; i++) api.put(slice(`s${i}`, [`10.0.0.${i}`]));
    api.put({ ...slice('other', ['10.9.9.9']), metadata: { name: 'other', labels: {} } });
    start();
    await isTold('10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5');
    api.remove('s1');
    api.put(slice('s2', ['10.0.0.2', '10.0.0.6']));
    await isTold('10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6');
  });

  it('goes on where a watch ended, bookmarks included, without a new list', async () => {
    api.put(slice('s', ['10.0.0.1']));
    start();
    await isTold('10.0.0.1');
    await waitFor(() => api.watches === 1);
    api.bookmark();
    api.put(slice('s', ['10.0.0.1', '10.0.0.2']));
    await isTold('10.0.0.1', '10.0.0.2');
    api.endWatches();
    api.put(slice('s', ['10.0.0.3']));
    await isTold('10.0.0.3');
    assert.equal(api.asked.filter((path) => !path.includes('watch=1')).length, 1);
    assert.match(api.asked.at(-1) ?? '', /resourceVersion=4$/);
  });

  for (const [how, end] of [
    ['the answer to a watch is 410', (): void => api.endWatches()],
    ['a watch ends with an ERROR event of 410', (): void => api.endWatches(410)],
  ] as const) {
    it(`lists anew when ${how}, and misses nothing`, async () => {
      api.put(slice('s', ['10.0.0.1']));
      api.put(slice('gone', ['10.0.0.9']));
      start();
      await isTold('10.0.0.1', '10.0.0.9');
      await waitFor(() => api.watches === 1);
      const silent = api.watches;
      assert.equal(silent, 1);
      end();
      api.remove('gone');
      api.put(slice('s', ['10.0.0.2']));
      api.compact();
      await isTold('10.0.0.2');
      assert.deepEqual(told.problems, []);
    });
  }

  it('reads the token anew for each request, so that a rotated one is used', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tensorgate-token-'));
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'one\n');
    api.tokens.add('one');
    api.put(slice('s', ['10.0.0.1']));
    start({ server: { url: api.url, tokenFile, caFile: '' } });
    await isTold('10.0.0.1');
    api.tokens.clear();
    api.tokens.add('two');
    api.endWatches();
    await waitFor(() => told.problems.length > 0, 20_000, 'the 401');
    assert.match(told.problems[0] ?? '', /401.*the last set stays/);
    writeFileSync(tokenFile, 'two\n');
    api.put(slice('s', ['10.0.0.2']));
    await isTold('10.0.0.2');
    rmSync(folder, { recursive: true });
  });

  it('trusts the API by the CA file alone, and reads that anew, too', async () => {
    await api.stop();
    const file = await makeCertificates('api');
    const foreign = await makeCertificates();
    const read = (path: string): string => readFileSync(path, 'utf8');
    api = await startKubernetes({ cert: read(file('api.pem')), key: read(file('api.key')) });
    const tokenFile = file('token');
    const caFile = file('service-account-ca.pem');
    writeFileSync(tokenFile, 'one');
    // of another cluster, as when a secret was copied
    copyFileSync(foreign('ca.pem'), caFile);
    api.tokens.add('one');
    api.put(slice('s', ['10.0.0.1']));
    start({ server: { url: api.url, tokenFile, caFile } });
    await waitFor(() => told.problems.length > 0, 20_000, 'the certificate to be refused');
    assert.match(told.problems[0] ?? '', /certificate|self-signed/);
    assert.deepEqual(told.sets, []);
    assert.deepEqual(api.asked, [], 'no token was sent to it');
    copyFileSync(file('ca.pem'), caFile);
    await isTold('10.0.0.1');
    await waitFor(() => api.watches === 1);
    // the token is rotated while a watch is open: what is open goes on, the next request has the new one
    writeFileSync(tokenFile, 'two');
    api.tokens.clear();
    api.tokens.add('two');
    api.put(slice('s', ['10.0.0.2']));
    await isTold('10.0.0.2');
    api.endWatches();
    api.put(slice('s', ['10.0.0.3']));
    await isTold('10.0.0.3');
    assert.equal(told.problems.length, 1, told.problems.join());
  });

  it('believes that there are none when the service is scaled to zero', async () => {
    api.put(slice('s', ['10.0.0.1']));
    start();
    await isTold('10.0.0.1');
    api.put(slice('s', []));
    await isTold();
  });
});

describe('endpoint slices', () => {
  const traits = { api: 'tfs' } as const;
  const names = (slices: readonly Slice[], port = 'grpc'): string[] =>
    backendsIn(slices, { port, traits }).map(({ name }) => name);

  it('give what is ready, or does not say; not what is terminating', () => {
    const endpoints = [
      { addresses: ['10.0.0.1'], conditions: { ready: true } },
      { addresses: ['10.0.0.2'] },
      { addresses: ['10.0.0.3'], conditions: { ready: false, serving: true, terminating: true } },
    ];
    assert.deepEqual(names([slice('s', [], { endpoints })]), ['10.0.0.1:8500', '10.0.0.2:8500']);
  });

  it('take the port by name, by number, or the only one', () => {
    const ports = [
      { name: 'rest', port: 8501, protocol: 'TCP' as const },
      { name: 'grpc', port: 8500, protocol: 'TCP' as const },
    ];
    const two = [slice('s', ['10.0.0.1'], { ports })];
    assert.deepEqual(names(two, 'rest'), ['10.0.0.1:8501']);
    assert.deepEqual(names(two, '9000'), ['10.0.0.1:9000']);
    assert.deepEqual(names(two, ''), []);
    assert.deepEqual(names([slice('s', ['10.0.0.1'])], ''), ['10.0.0.1:8500']);
  });

  it('bring zones and IPv6 addresses, and no host names', () => {
    const v6 = slice('v6', [], {
      addressType: 'IPv6',
      endpoints: [{ addresses: ['2001:db8::1'], zone: 'eu-1a' }],
    });
    const fqdn = slice('f', ['models.example'], { addressType: 'FQDN' });
    const found = backendsIn([v6, fqdn], { port: 'grpc', traits });
    assert.deepEqual(
      found.map(({ name, zone }) => [name, zone]),
      [['[2001:db8::1]:8500', 'eu-1a']],
    );
  });

  it('name a pod once that has an address in both families', () => {
    const ofPod = (uid: string, address: string, ready = true) => ({
      addresses: [address],
      conditions: { ready },
      targetRef: { kind: 'Pod', uid },
    });
    const v4 = slice('v4', [], {
      endpoints: [ofPod('a', '10.0.0.1'), ofPod('b', '10.0.0.2'), ofPod('c', '10.0.0.3')],
    });
    const v6 = slice('v6', [], {
      addressType: 'IPv6',
      endpoints: [
        ofPod('a', '2001:db8::1'),
        ofPod('b', '2001:db8::2', false),
        ofPod('d', '2001:db8::4'),
        { addresses: ['2001:db8::5'] },
      ],
    });
    const found = (preferred: 'ipv4' | 'ipv6', slices: readonly Slice[]): string[] =>
      backendsIn(slices, { port: 'grpc', traits }, preferred).map(({ name, alternates = [] }) =>
        [name, ...alternates].join(' or '),
      );
    const alone = ['[2001:db8::4]:8500', '[2001:db8::5]:8500'];
    for (const slices of [
      [v4, v6],
      [v6, v4],
    ]) {
      assert.deepEqual(
        found('ipv4', slices).sort(),
        ['10.0.0.1:8500 or 2001:db8::1', '10.0.0.2:8500', '10.0.0.3:8500', ...alone].sort(),
      );
      assert.deepEqual(
        found('ipv6', slices).sort(),
        ['[2001:db8::1]:8500 or 10.0.0.1', '10.0.0.2:8500', '10.0.0.3:8500', ...alone].sort(),
      );
    }
  });

  it('pass over parts that are nothing of the kind, and keep the others', () => {
    const odd = (fields: object): Slice => ({ ...slice('b', ['10.0.0.2']), ...fields });
    const endpoints = [
      null,
      5,
      { addresses: null },
      { addresses: [7] },
      { addresses: ['10.0.0.3'], zone: 1 },
    ];
    assert.deepEqual(
      names([
        slice('a', ['10.0.0.1']),
        odd({ endpoints: 7 }),
        odd({ ports: [null] }),
        odd({ ports: {} }),
        odd({ ports: [{ name: 'grpc', port: [] }] }),
        odd({ endpoints }),
      ]),
      ['10.0.0.1:8500', '10.0.0.3:8500'],
    );
  });

  it('name an endpoint once that is in two slices', () => {
    assert.deepEqual(names([slice('a', ['10.0.0.1']), slice('b', ['10.0.0.1'])]), ['10.0.0.1:8500']);
  });
});
