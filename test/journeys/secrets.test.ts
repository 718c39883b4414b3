/**
 * A canary in every setting that can hold a secret, and everything that the process prints and serves searched for
 * it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freePort, run, sleep, startProcess, waitFor } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tensorgate-secrets-'));
after(() => rmSync(folder, { recursive: true }));

/** With what breaks naive searches for the end of a password. */
const canary = 'c@nary';
const seen = (text: string): string[] =>
  text.match(/[^\n]{0,60}(?:c@nary|c%40nary|(?<![a-z])nary)[^\n]{0,60}/g) ?? [];

describe('secrets', () => {
  it(
    'are in nothing that a serving gateway prints or shows, whatever fails',
    { timeout: 120_000 },
    async (t) => {
      // an API server that says what it was sent
      const api = createServer((request, response) => {
        response
          .writeHead(403)
          .end(JSON.stringify({ message: `no rights for ${request.headers.authorization ?? ''}` }));
      }).listen(0, '127.0.0.1');
      await once(api, 'listening');
      t.after(() => {
        api.closeAllConnections();
        api.close();
      });
      const [restPort, grpcPort, adminPort] = [await freePort(), await freePort(), await freePort()];
      const token = join(folder, 'token');
      writeFileSync(token, `${canary}-token-1`);
      const list = join(folder, 'backends.yaml');
      writeFileSync(list, `backends:\n- tfs://u:${canary}@127.0.0.1:1\n- [\n`);
      const file = join(folder, 'gateway.yaml');
      const config = {
        doors: {
          host: '127.0.0.1',
          restPort,
          grpcPort,
          adminPort,
          publicUrl: `https://u:${canary}@models.example`,
        },
        fleets: {
          default: {
            backends: ['dns+tfs://nowhere.invalid:1'],
            discovery: { file: { path: list, intervalMs: 50 } },
          },
          pods: {
            discovery: {
              kubernetes: {
                service: 's',
                namespace: 'n',
                apiServer: `http://u:${canary}@127.0.0.1:${(api.address() as AddressInfo).port}`,
                tokenFile: token,
                caFile: '',
              },
            },
          },
        },
        models: { m: { rules: [{ header: 'x-api-key', value: `${canary}-rule`, model: 'n' }] } },
        // nobody is there
        cache: { redisUrl: `redis://u:${canary}-${canary}@127.0.0.1:1/0`, keyPrefix: '${PREFIX_SECRET}:' },
        sharedLimits: { redisUrl: `redis://nowhere.invalid:1?password=${canary}` },
        rateLimits: [{ name: 'all', perSecond: 1, burst: 1, by: 'header:authorization', shared: true }],
        telemetry: { logLevel: 'debug', accessLog: 'all' },
        shutdown: { graceMs: 0, drainMs: 500 },
        rest: { allowReload: true },
      };
      writeFileSync(file, stringify(config));
      const gateway = await startProcess(process.execPath, [main, 'serve', '--config', file], {
        ready: /is serving/,
        readyTimeoutMs: 60_000,
        env: { PREFIX_SECRET: `${canary}-env` },
      });
      t.after(() => gateway.kill());
      const served: string[] = [];
      const get = async (port: number, path: string, init: RequestInit = {}): Promise<void> => {
        const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
          ...init,
          headers: {
            authorization: `Bearer ${canary}-client-1`,
            'content-type': 'application/json',
            ...init.headers,
          },
        });
        served.push(`${path}: ${[...answer.headers].join('\n')}\n${await answer.text()}`);
      };
      const body = '{"instances": [1]}';
      for (const model of ['m', 'n', 'm'])
        await get(restPort, `/v1/models/${model}:predict`, {
          method: 'POST',
          body,
          headers: { 'x-api-key': `${canary}-rule` },
        });
      for (const wrong of [
        { ...config, cache: { redisUrl: `redis://u:${canary}/x@h` } },
        {
          ...config,
          fleets: { default: { backends: [`tfs://u:${canary}@h:1`, `http://h/?token=${canary}`] } },
        },
        { ...config, cors: { origins: [`https://u:${canary}@h`] } },
      ]) {
        writeFileSync(file, stringify(wrong));
        await get(restPort, '/v1/config/reload', { method: 'POST', body: '{}' });
        gateway.signal('SIGHUP');
        await sleep(200);
        const checked = await run(process.execPath, [main, 'check', file], {
          env: { PREFIX_SECRET: `${canary}-env` },
        });
        assert.equal(checked.code, 78, checked.stdout);
        served.push(checked.stdout, checked.stderr);
      }
      await waitFor(() => gateway.output().split('is refused').length > 3, 20_000, 'refused reloads');
      await waitFor(() => /endpoint slices of n\/s: the Kubernetes API answered 403/.test(gateway.output()));
      await waitFor(() => /backends\.yaml: it is no YAML/.test(gateway.output()));
      for (const path of [
        '/',
        '/api/config',
        '/api/fleet',
        '/api/version',
        '/metrics',
        '/readyz',
        '/healthz',
        '/nothing',
      ])
        await get(adminPort, path);
      const events = new AbortController();
      const stream = await fetch(`http://127.0.0.1:${adminPort}/api/events`, { signal: events.signal });
      for await (const chunk of stream.body as ReadableStream<Uint8Array>) {
        served.push(Buffer.from(chunk).toString());
        break;
      }
      events.abort();
      assert.equal(await gateway.stop(20_000), 0);
      assert.match(served.join('\n'), /"redisUrl": "redis:\/\/\*\*\*@127\.0\.0\.1:1\/0"/);
      assert.deepEqual(seen(gateway.output()), []);
      assert.deepEqual(seen(served.join('\n')), []);
    },
  );
});
