/** Backends behind a Kubernetes service, against a faithful fake of the API: lists, watches, and everything between. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, mock } from 'node:test';
import { kubernetesSource, type KubernetesOptions } from '../../../src/fleet/discovery/kubernetes.ts';
import type { Source } from '../../../src/fleet/discovery/source.ts';
import {
  makeCertificates,
  slice,
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

  for (const [stalling, what] of [
    ['head', 'does not begin'],
    ['error', 'is an error that does not end'],
  ] as const) {
    it(`asks again when the answer to a watch ${what} within 10 s`, async () => {
      /** Lets sockets have their turns while the timers stand still. */
      const until = async (holds: () => boolean): Promise<void> => {
        const endMs = performance.now() + 20_000;
        while (!holds()) {
          assert.ok(performance.now() < endMs, `in time: ${told.problems.join()} ${api.asked.join()}`);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const watchesAsked = (): number => api.asked.filter((path) => path.includes('watch=1')).length;
      mock.timers.enable({ apis: ['setTimeout'] });
      try {
        api.stalling = stalling;
        api.put(slice('s', ['10.0.0.1']));
        start();
        await until(() => watchesAsked() === 1);
        // the head of an error has its turns to arrive
        for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
        mock.timers.tick(9_999);
        for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(told.problems, [], 'it has 10 s');
        mock.timers.tick(1);
        await until(() => told.problems.length === 1);
        assert.match(told.problems[0] ?? '', /models\/tfs: .*10000 ms; the last set stays/);
        api.stalling = undefined;
        api.put(slice('s', ['10.0.0.2']));
        // the wait after a first failure
        mock.timers.tick(500);
        await until(() => watchesAsked() === 2 && api.watches === 1);
        assert.equal(api.asked.filter((path) => !path.includes('watch=1')).length, 1, 'no new list');
        await until(() => {
          // events are gathered for a moment
          mock.timers.tick(1);
          return told.sets.length === 2;
        });
        assert.deepEqual(told.sets, [['10.0.0.1:8500'], ['10.0.0.2:8500']]);
        // a watch that has begun may be quiet for as long as it lasts
        mock.timers.tick(60_000);
        for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
        assert.equal(watchesAsked(), 2);
      } finally {
        mock.timers.reset();
      }
    });
  }

  it('believes that there are none when the service is scaled to zero', async () => {
    api.put(slice('s', ['10.0.0.1']));
    start();
    await isTold('10.0.0.1');
    api.put(slice('s', []));
    await isTold();
  });
});
