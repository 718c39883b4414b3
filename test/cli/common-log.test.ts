/**
 * What all workers of a gateway see alike is one line of its log, not one from each; another worker says it when the
 * one that did has ended.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { describe, it } from 'node:test';
import { startDemoFleet } from '../../src/demo/index.ts';
import { startGatewayProcess, waitFor } from '../support/index.ts';

/** On a connection of its own, so that every worker gets some. */
function get(admin: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get(`http://${admin}${path}`, { agent: false }, (response) => {
        let body = '';
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => (body += chunk))
          .on('end', () => {
            resolve(body);
          });
      })
      .on('error', reject);
  });
}

describe('the log of two workers', () => {
  it('has one line for each backend that goes down or comes up', { timeout: 180_000 }, async (t) => {
    const fleet = await startDemoFleet({ replicas: 2, models: ['half_plus_two'] });
    t.after(() => fleet.stop());
    const { admin, process } = await startGatewayProcess(
      fleet.backends.map(({ url }) => url),
      ['--workers', '2'],
    );
    t.after(() => process.stop());
    const [, victim] = fleet.backends;
    const name = `127.0.0.1:${victim?.port ?? 0}`;
    const said = (text: string): number => process.output().split(`"${text}`).length - 1;
    /** All workers see so many up. */
    const seen = (up: number): Promise<unknown> =>
      waitFor(
        async () => {
          for (let i = 0; i < 6; i++) {
            const { fleets } = JSON.parse(await get(admin, '/api/fleet')) as {
              fleets: { backends: { up: boolean }[] }[];
            };
            if (fleets[0]?.backends.filter((backend) => backend.up).length !== up) return false;
          }
          return true;
        },
        30_000,
        `${up} backends up`,
      );
    /** Both serve. */
    const both = (): Promise<unknown> =>
      waitFor(
        async () => {
          const pids = new Set<unknown>();
          for (let i = 0; i < 6; i++)
            pids.add((JSON.parse(await get(admin, '/api/version')) as { pid: number }).pid);
          return pids.size === 2;
        },
        60_000,
        'two workers',
      );
    await both();
    await seen(2);
    await waitFor(() => said(`backend ${name} is up`) > 0);
    assert.equal(said(`backend ${name} is up`), 1);
    assert.equal(said('2 of 2 backends are up'), 1);
    victim?.signal('SIGKILL');
    await seen(1);
    await waitFor(() => said(`backend ${name} is down: `) > 0);
    assert.equal(said(`backend ${name} is down: `), 1);

    // the oldest speaks
    const [speaker] = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').split(' ');
    globalThis.process.kill(Number(speaker), 'SIGKILL');
    await waitFor(() => said('1 of 2 backends are up') > 0, 20_000, 'the word of the other worker');
    await both();
    await victim?.restart();
    await seen(2);
    await waitFor(() => said(`backend ${name} is up`) > 1);
    assert.equal(said(`backend ${name} is up`), 2, process.output());
    assert.equal(said(`backend ${name} is down: `), 1, process.output());
  });
});
