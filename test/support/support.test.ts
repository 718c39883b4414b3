/**
 * The helpers themselves: a real Redis that stops and pauses, a venv that runs, processes that tell when they are
 * ready.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { freePort, missing, needTool, python, run, startProcess, startRedis, waitFor } from './index.ts';

/** One inline command to a Redis; undefined when nothing comes within 200 ms. */
function ask(port: number, command: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
    const done = (answer: string | undefined): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data: Buffer) => done(data.toString()));
    socket.once('error', () => done(undefined));
    socket.setTimeout(200, () => done(undefined));
  });
}

describe('the test helpers', () => {
  it(
    'start a Redis that answers, pauses, comes back and is gone after kill',
    { skip: missing('redis-server') },
    async () => {
      const redis = await startRedis();
      assert.equal(await ask(redis.port, 'PING'), '+PONG\r\n');
      redis.pause();
      assert.equal(await ask(redis.port, 'PING'), undefined);
      redis.resume();
      assert.equal(await waitFor(() => ask(redis.port, 'PING')), '+PONG\r\n');
      await redis.kill();
      assert.equal(await ask(redis.port, 'PING'), undefined);
    },
  );

  it('run Python in the venv that was asked for', async (t) => {
    if (needTool(t, 'ovmsclient') === undefined) return;
    const result = await python('ovmsclient', 'import sys, ovmsclient; print(sys.argv[1], sys.prefix)', [
      'hello',
    ]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /^hello .*ovmsclient$/m);
  });

  it('say what a process printed when it ends before it is ready', async () => {
    await assert.rejects(
      startProcess(process.execPath, ['-e', 'console.log("went wrong")'], {
        ready: 'never',
        readyTimeoutMs: 5000,
      }),
      /ended before it was ready:\nwent wrong/,
    );
    await assert.rejects(
      startProcess('/nonexistent/program', [], { ready: 'never' }),
      /ended before it was ready/,
    );
    const child = await startProcess(
      process.execPath,
      ['-e', 'console.log("up"); setInterval(() => {}, 1000)'],
      { ready: 'up' },
    );
    assert.equal(await child.stop(), null);
  });

  it('reset a socket that is being shut down, so that its process can end', async () => {
    const program = `
      import { connect, createServer } from 'node:net';
      import { resetSocket } from '${new URL('reset-socket.ts', import.meta.url).href}';
      const server = createServer((socket) => {
        socket.on('error', () => undefined);
        socket.end('x');
        resetSocket(socket);
        server.close();
      }).listen(0, '127.0.0.1', () => connect(server.address().port, '127.0.0.1').on('error', () => undefined));
    `;
    const child = await startProcess(process.execPath, ['--input-type=module', '-e', program]);
    await waitFor(() => child.child.exitCode !== null, 20_000, 'the end of the process').catch(
      async (error: unknown) => {
        await child.kill();
        throw error;
      },
    );
    assert.equal(child.child.exitCode, 0);
  });

  it('give a free port, output and exit codes', async () => {
    assert.ok((await freePort()) > 1023);
    assert.deepEqual(await run('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'in' }), {
      code: 3,
      stdout: 'in',
      stderr: 'oops\n',
    });
    await assert.rejects(
      waitFor(() => false, 30, 'the impossible'),
      /in vain for the impossible/,
    );
  });
});
