/** Tables and colours: columns line up whatever is painted, and a pipe never gets an escape sequence. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { paintFor, table } from '../../src/cli/terminal.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { run, startTestGateway, type TestGateway } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const terminal = { isTTY: true, hasColors: () => true } as unknown as NodeJS.WriteStream;

describe('the terminal', () => {
  it('lines columns up by what is seen', () => {
    const paint = paintFor(terminal);
    assert.equal(
      table([
        ['A', 'B', 'C'],
        ['long', '✓', ''],
      ]),
      '  A     B  C\n  long  ✓\n',
    );
    const plain = table([[paint('red', 'x'), 'y']]);
    assert.equal(plain, '  \u001b[31mx\u001b[39m  y\n');
    assert.equal(table([]), '');
  });

  it('paints for a terminal only, and not when NO_COLOR is set', () => {
    assert.equal(paintFor(terminal)('green', 'x'), '\u001b[32mx\u001b[39m');
    assert.equal(paintFor({ isTTY: false } as NodeJS.WriteStream)('green', 'x'), 'x');
    process.env.NO_COLOR = '1';
    assert.equal(paintFor(terminal)('green', 'x'), 'x');
    delete process.env.NO_COLOR;
  });
});

describe('models and check', () => {
  let server: DemoServer;
  let gateway: TestGateway;
  before(async () => {
    server = await startDemoServer({ models: ['digits', 'half_plus_two'] });
    gateway = await startTestGateway([`tfs://127.0.0.1:${server.port}`, 'tfs://127.0.0.1:1'], {
      models: { digits: {}, half_plus_two: {} },
    });
  });
  after(async () => {
    await gateway.stop();
    await server.stop();
  });
  const models = (...args: string[]): ReturnType<typeof run> =>
    run(process.execPath, [main, 'models', '--admin', `http://${gateway.admin}`, ...args]);

  it('models shows backends and models as tables, without a colour in a pipe', async () => {
    const { code, stdout } = await models();
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /\u001b/);
    assert.match(stdout, /^fleet default\n {2}BACKEND +STATE +IN FLIGHT +CONNECTIONS\n/);
    assert.match(stdout, new RegExp(`127\\.0\\.0\\.1:${server.port} +✓ up +0 +1\n`));
    assert.match(stdout, /127\.0\.0\.1:1 +✕ down +0 +0 +.*refused/);
    assert.match(
      stdout,
      /\n {2}MODEL +VERSIONS +AVAILABLE AT\n {2}digits +✓ 2 {2}✓ 1 +1 of 2\n {2}half_plus_two +✓ 123 +1 of 2\n$/,
    );
  });

  it('models --json is what the admin door says', async () => {
    const { fleets } = JSON.parse((await models('--json')).stdout) as {
      fleets: { models: { name: string }[] }[];
    };
    assert.deepEqual(fleets[0]?.models.map(({ name }) => name).sort(), ['digits', 'half_plus_two']);
  });

  it('check says what a good file means, and what is wrong with a bad one, for people and for programs', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tensorgate-check-'));
    const [good, bad] = [join(folder, 'good.yaml'), join(folder, 'bad.yaml')];
    writeFileSync(
      good,
      'fleets: { default: { backends: ["tfs://a:1"] }, b: { backends: ["tfs://b:1"] } }\nmodels: { m: { fleet: b } }\n',
    );
    writeFileSync(bad, 'nope: 1\n');
    const check = (...args: string[]): ReturnType<typeof run> =>
      run(process.execPath, [main, 'check', ...args]);
    assert.equal(
      (await check(good)).stdout,
      `${good}: fine\n  FLEET    BACKENDS   MODELS\n  default  tfs://a:1  and every other\n  b        tfs://b:1  m\n`,
    );
    assert.deepEqual(JSON.parse((await check(good, '--json')).stdout), {
      file: good,
      ok: true,
      fleets: [
        { name: 'default', backends: ['tfs://a:1'] },
        { name: 'b', backends: ['tfs://b:1'] },
      ],
      models: ['m'],
    });
    const { code, stdout } = await check(bad, '--json');
    assert.equal(code, 78);
    const { ok, problems } = JSON.parse(stdout) as { ok: boolean; problems: { path: string }[] };
    assert.deepEqual([ok, problems.some(({ path }) => path === 'nope')], [false, true]);
  });
});
