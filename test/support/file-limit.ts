/**
 * Preloaded into each test file: ends one that does not end by itself, and names what kept it, so that a run is never
 * lost to it.
 */
import type { Socket } from 'node:net';

/** Longer than any file takes on a busy machine. */
const limitMs = 600_000;

/** What Node counts as a reason to go on; its undocumented list has what tells one socket from another. */
function reasons(): string[] {
  const known = process as unknown as { _getActiveHandles(): readonly object[] };
  const handles = known._getActiveHandles().map((handle) => {
    const { localPort, remotePort, fd, spawnargs, pid } = handle as Partial<Socket> & {
      fd?: number;
      spawnargs?: readonly string[];
      pid?: number;
    };
    const facts = { localPort, remotePort, fd, pid, spawnargs: spawnargs?.join(' ') };
    return `${handle.constructor.name} ${JSON.stringify(facts)}`;
  });
  return [...process.getActiveResourcesInfo(), ...handles];
}

/** Files that share the process with the runner, which has no such variable: it is the last that keeps the process. */
const isShared = process.execArgv.includes('--test-isolation=none');

// what a test forks has this preload too, and another main file
if (
  (isShared || process.env.NODE_TEST_CONTEXT !== undefined) &&
  process.argv[1]?.endsWith('.test.ts') === true
) {
  setTimeout(() => {
    process.stderr.write(
      `${isShared ? 'a file of many' : process.argv[1]} has not ended after ${limitMs / 1000} s; it is kept by:\n`,
    );
    process.stderr.write(`${reasons().join('\n')}\n`);
    process.exit(1);
  }, limitMs).unref();
}
