/** "A canary, step by step" of docs/traffic.md: its configurations and commands, before servers of both fleets. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { createTelemetry } from '../../src/telemetry/index.ts';
import { run, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';

const page = readFileSync(new URL('../../docs/traffic.md', import.meta.url), 'utf8');
const section = /^## A canary, step by step\n(.*?)^## /ms.exec(page)?.[1] ?? '';
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Fenced blocks of the section in their order. */
const blocks = [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', text = '']) => ({
  language,
  text,
}));
const of = (wanted: string): string[] =>
  blocks.flatMap(({ language, text }) => (language === wanted ? [text] : []));

/** Calls at each part for so many users, by the names of servers and versions. */
type Shares = Readonly<Record<string, number>>;

const users = 100;
const pixels = JSON.stringify({ instances: [Array.from({ length: 64 }, () => 0)] });

describe('the canary of docs/traffic.md', () => {
  const models = ['ranker=digits', 'ranker-v1=digits', 'ranker-v2=digits'];
  let old: DemoServer;
  let fresh: DemoServer;
  let folder: string;
  let gateway: TestGateway;
  before(async () => {
    old = await startDemoServer({ models });
    fresh = await startDemoServer({ models: ['ranker=digits'] });
    folder = mkdtempSync(join(tmpdir(), 'tensorgate-canary-'));
    gateway = await startTestGateway([], config(of('yaml')[0] ?? ''), {}, join(folder, 'gateway.log'));
    // what an operator has in the PATH
    writeFileSync(join(folder, 'tensorgate'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
    chmodSync(join(folder, 'tensorgate'), 0o755);
  });
  after(async () => {
    await gateway.stop();
    await Promise.all([old.stop(), fresh.stop()]);
    rmSync(folder, { recursive: true });
  });

  const withPorts = (text: string): string =>
    text
      .replaceAll('old:8500', `127.0.0.1:${old.port}`)
      .replaceAll('new:8500', `127.0.0.1:${fresh.port}`)
      .replaceAll('localhost:8001', gateway?.admin ?? '')
      .replaceAll('localhost:8501', gateway?.rest ?? '');
  const config = (yaml: string): Record<string, unknown> => {
    const hasty = { telemetry: { accessLog: 'all' }, hedge: { enabled: false } };
    return { ...hasty, ...(parse(withPorts(yaml)) as object) };
  };

  const answerOf = (user: string): Promise<Response> =>
    fetch(`http://${gateway.rest}/v1/models/ranker:predict`, {
      method: 'POST',
      headers: { 'x-user': user },
      body: pixels,
    });

  /** Calls `ranker` once for each user, and says who answered. */
  async function shares(): Promise<Shares> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < users; i++) {
      const answer = await answerOf(`user-${i}`);
      assert.equal(answer.status, 200, await answer.text());
      const from = answer.headers.get('x-served-by') === `127.0.0.1:${fresh.port}` ? 'new' : 'old';
      const key = `${from} ${answer.headers.get('x-model-version') ?? ''}`;
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }

  async function shell(command: string): Promise<string> {
    const { code, stdout, stderr } = await run('bash', ['-c', withPorts(command)], {
      cwd: folder,
      env: { PATH: `${folder}:${process.env.PATH ?? ''}` },
    });
    assert.equal(code, 0, `${command}${stdout}${stderr}`);
    return stdout;
  }

  /** Each configuration in turn: what the page says it does. */
  const steps: readonly ((got: Shares) => void)[] = [
    ({ 'old 1': first = 0, 'old 2': second = 0 }) => {
      assert.equal(first + second, users);
      assert.ok(second > 1 && second < users / 5, `${second} of ${users} at version 2`);
    },
    (got) => {
      assert.deepEqual(Object.keys(got), ['old 2']);
      const calls = (name: string): number => old.record.counts().get(`Predict ${name}`) ?? 0;
      assert.equal(calls('ranker-v1') + calls('ranker-v2'), users);
      assert.ok(calls('ranker-v2') > 1 && calls('ranker-v2') < users / 5);
    },
    (got) => {
      assert.deepEqual(got, { 'old 2': users });
    },
    ({ 'old 2': before = 0, 'new 2': now = 0 }) => {
      assert.equal(before + now, users);
      assert.ok(now > 1 && now < users / 5, `${now} of ${users} at the new fleet`);
    },
    ({ 'old 2': before = 0, 'new 2': now = 0 }) => {
      assert.equal(before + now, users);
      assert.ok(now > users / 3 && before > users / 3, `${now} of ${users} at the new fleet`);
    },
    (got) => {
      assert.deepEqual(got, { 'old 2': users });
    },
    (got) => {
      assert.deepEqual(got, { 'new 2': users });
    },
    (got) => {
      assert.deepEqual(got, { 'new 2': users });
    },
  ];
  const newFleet = 3;

  it('has a step for each configuration of the page, and each does what it says', async () => {
    const configurations = of('yaml');
    assert.equal(configurations.length, steps.length);
    const commands = of('sh');
    assert.equal(commands.length, 5);
    const [check = '', list = '', metrics = '', logLines = '', single = ''] = commands;
    for (const [i, text] of configurations.entries()) {
      writeFileSync(join(folder, 'gateway.yaml'), withPorts(text));
      // the same judgement as that of the reload
      if (i === 0 || i === newFleet) await shell(check);
      await gateway.configure(config(text));
      old.record.reset();
      // the first call of a model waits for what every backend says of it
      await waitFor(async () => (await answerOf('nobody')).status === 200);
      old.record.reset();
      steps[i]?.(await shares());
      if (i !== newFleet) continue;
      assert.match(await shell(list), /fleet old[^]*ranker[^]*fleet new[^]*ranker \(asked as ranker-new\)/);
      const counted = await shell(metrics);
      assert.match(counted, /^tensorgate_requests_success\{.*name="ranker",version="2",code="OK"\} \d+$/m);
      assert.match(
        counted,
        /^tensorgate_requests_success\{.*name="ranker",fleet="new",version="2",code="OK"\} \d+$/m,
      );
      const lines = await waitFor(() => shell(logLines));
      for (const line of lines.trim().split('\n')) {
        const { model, fleet, backend } = JSON.parse(line) as Record<string, unknown>;
        if (backend !== undefined && backend !== '')
          assert.deepEqual([model ?? 'ranker', fleet], ['ranker', 'new']);
      }
      assert.match(await shell(single), /"state": "AVAILABLE"/);
      assert.deepEqual(
        (
          (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as { fleets: { name: string }[] }
        ).fleets.map(({ name }) => name),
        ['old', 'new'],
      );
    }
  });

  it('keeps the users that have the new part when its share grows', async () => {
    const [, , , small = '', half = ''] = of('yaml');
    const having = async (): Promise<Set<string>> => {
      const found = new Set<string>();
      for (let i = 0; i < users; i++) {
        const answer = await answerOf(`user-${i}`);
        await answer.text();
        if (answer.headers.get('x-served-by') === `127.0.0.1:${fresh.port}`) found.add(`user-${i}`);
      }
      return found;
    };
    await gateway.configure(config(small));
    await waitFor(async () => (await having()).size > 0);
    const before = await having();
    await gateway.configure(config(half));
    const now = await having();
    assert.ok(now.size > before.size);
    for (const user of before) assert.ok(now.has(user), user);
  });

  it('copies calls to the mirror of the page', async () => {
    await gateway.configure(config(of('yaml')[2] ?? ''));
    const copied = async (): Promise<boolean> => {
      await shares();
      const text = await (await fetch(`http://${gateway.admin}/metrics`)).text();
      return (
        Number(/^tensorgate_mirrored_total\{name="ranker",outcome="ok"\} (\d+)$/m.exec(text)?.[1] ?? 0) > 0
      );
    };
    await waitFor(copied);
  });

  it('names metrics and labels that there are', () => {
    const asked = of('promql').join('\n');
    const options = { level: 'silent', destination: 1 } as const;
    const { metrics } = createTelemetry(
      {
        prefix: 'tensorgate',
        version: '0.0.0',
        maxModels: 1,
        maxVersionsPerModel: 1,
        maxSeries: 1,
        processMetrics: false,
        log: options,
        access: { mode: 'off', sample: 0, maxPerSecond: 0 },
      },
      { clock: () => 0, random: () => 0 },
    );
    const names = new Map(metrics.map(({ name, labels }) => [name, labels]));
    const wanted = [...asked.matchAll(/tensorgate_\w+/g)].map(([name]) => name.replace(/_bucket$/, ''));
    assert.ok(wanted.length >= 3);
    for (const name of wanted)
      if (name !== 'tensorgate_requests_') assert.ok(names.has(name), `${name} is no metric`);
    for (const name of [
      'tensorgate_requests_fail',
      'tensorgate_requests_success',
      'tensorgate_request_time_us',
    ])
      for (const label of ['name', 'fleet', 'version']) assert.ok(names.get(name)?.includes(label), label);
  });
});
