/** The command as a person runs it: help, exit codes, one-line errors, a serve that stops in order. */
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort, run, startProcess } from '../support/index.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const cli = (...args: string[]): ReturnType<typeof run> => run(process.execPath, [main, ...args]);

describe('the command line', () => {
  for (const command of [[], ['serve'], ['demo'], ['check'], ['models'], ['health']]) {
    it(`tensorgate ${[...command, '--help'].join(' ')} prints its help`, async () => {
      const { code, stdout, stderr } = await cli(...command, '--help');
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^tensorgate/);
    });
  }

  for (const [args, code, text] of [
    [['nope'], 64, /^tensorgate: there is no command "nope"/],
    [['serve', '--nope'], 64, /^tensorgate: Unknown option '--nope'/],
    [['serve', '--rest-port', 'x'], 64, /^tensorgate: --rest-port takes a port/],
    [['serve'], 78, /^tensorgate: fleets: there is no backend/],
    [['serve', '--backend', 'nope'], 78, /^tensorgate: fleets\.default\.backends\[0\]/],
    [['check'], 64, /^tensorgate: check takes one file/],
    [['check', '/nowhere.yaml'], 78, /cannot read \/nowhere\.yaml/],
    [['models', '--admin', 'http://127.0.0.1:1'], 69, /^tensorgate: no gateway answers/],
    [
      ['models', '--admin', '127.0.0.1:1'],
      69,
      /^tensorgate: no gateway answers at http:\/\/127\.0\.0\.1:1\//,
    ],
    [['models', '--admin', 'a b'], 64, /^tensorgate: --admin takes an address/],
    [['health', '--admin', '127.0.0.1:1'], 1, /^tensorgate: connect ECONNREFUSED/],
    [['health', '--admin', 'a', '--config', 'b'], 64, /give one of them/],
  ] as const) {
    it(`tensorgate ${args.join(' ')} ends with ${code} and one line`, async () => {
      const result = await cli(...args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stderr, text);
      assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
    });
  }

  it('check names the file, the path and the mistake of each line', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'tensorgate-cli-')), 'gateway.yaml');
    writeFileSync(
      file,
      'doors: { restPort: -1 }\nnope: 1\nfleets: { a: { backends: ["tfs://a:1"] } }\ndefaultFleet: a\n',
    );
    const { code, stderr } = await cli('check', file);
    assert.equal(code, 78);
    const lines = stderr
      .trim()
      .split('\n')
      .map((line) => line.slice(file.length))
      .sort();
    assert.equal(lines.length, 2, stderr);
    assert.equal(lines[0], ':1:10: doors.restPort: must be >= 0');
    assert.match(lines[1] ?? '', /^:2:1: nope: unknown key \(known: doors, fleets, defaultFleet, models, /);
  });

  it('check and serve tell the same mistakes, the last ones as a number', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tensorgate-cli-'));
    const file = join(folder, 'gateway.yaml');
    const nopes = Array.from({ length: 60 }, (_, i) => `nope${i}: 1\n`).join('');
    writeFileSync(
      file,
      `doors: { tls: { cert: ${folder}/c, key: ${folder}/k } }\ncache: { redisUrl: 'h:1' }\n${nopes}`,
    );
    const [checked, asJson, served] = await Promise.all([
      cli('check', file),
      cli('check', '--json', file),
      cli('serve', '--config', file),
    ]);
    assert.deepEqual([checked.code, asJson.code, served.code], [78, 78, 78]);
    const lines = checked.stderr.trim().split('\n');
    assert.equal(lines.length, 51, checked.stderr);
    assert.equal(lines.at(-1), `${file}: and 14 more`);
    const { problems, more } = JSON.parse(asJson.stdout) as {
      problems: { path: string; message: string; line?: number; column?: number }[];
      more: number;
    };
    assert.equal(more, 14);
    const told = problems.map(({ path, message, line, column }) =>
      line === undefined
        ? `${path}: ${message}`
        : `${path}: ${message} (line ${line}, column ${column ?? 0})`,
    );
    assert.deepEqual(
      served.stderr
        .trim()
        .replace(/^tensorgate: /, '')
        .split('\n'),
      [...told, 'and 14 more'],
    );
  });

  it('serve prints its doors, lists its fleet, and SIGTERM ends it with 0', async () => {
    const [rest, grpc, admin] = [await freePort(), await freePort(), await freePort()].map(String) as [
      string,
      string,
      string,
    ];
    const file = join(mkdtempSync(join(tmpdir(), 'tensorgate-cli-')), 'gateway.yaml');
    writeFileSync(file, 'shutdown: { graceMs: 0, drainMs: 1000 }\n');
    const gateway = await startProcess(
      process.execPath,
      [
        main,
        'serve',
        '--config',
        file,
        '--backend',
        'tfs://127.0.0.1:1',
        '--host',
        '127.0.0.1',
        '--rest-port',
        rest,
        '--grpc-port',
        grpc,
        '--admin-port',
        admin,
      ],
      { ready: /admin +http/ },
    );
    assert.match(gateway.output(), new RegExp(`REST and gRPC-Web +http://127\\.0\\.0\\.1:${rest}`));
    const listed = await cli('models', '--admin', `http://127.0.0.1:${admin}`);
    assert.match(listed.stdout, /127\.0\.0\.1:1 +✕ down/);
    const again = await cli(
      'serve',
      '--backend',
      'tfs://127.0.0.1:1',
      '--host',
      '127.0.0.1',
      '--rest-port',
      rest,
    );
    assert.equal(again.code, 69, again.stderr);
    assert.match(
      again.stderr,
      new RegExp(`port ${rest} of 127.0.0.1 is taken by another program: .* --rest-port`),
    );
    for (const flags of [[], ['--ready']]) {
      const health = await cli('health', '--admin', `localhost:${admin}`, ...flags);
      assert.equal(health.code, flags.length, health.stderr);
    }
    assert.equal(await gateway.stop(), 0);
  });

  it('two workers share the ports', async () => {
    const [rest, grpc, admin] = [await freePort(), await freePort(), await freePort()].map(String) as [
      string,
      string,
      string,
    ];
    const gateway = await startProcess(
      process.execPath,
      [
        main,
        'serve',
        '--workers',
        '2',
        '--backend',
        'tfs://127.0.0.1:1',
        '--host',
        '127.0.0.1',
        '--rest-port',
        rest,
        '--grpc-port',
        grpc,
        '--admin-port',
        admin,
      ],
      { ready: /admin +http/ },
    );
    assert.equal((await fetch(`http://127.0.0.1:${rest}/v1/models/m`)).status, 503);
    gateway.signal('SIGTERM');
    gateway.signal('SIGTERM');
    assert.equal(await gateway.exited, 0);
  });
});
