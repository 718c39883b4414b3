/** Loaded into the gateway under fuzz: on SIGUSR2 it says on stderr what the process holds. */
let count = 0;
process.on('SIGUSR2', () => {
  (globalThis as { gc?: () => void }).gc?.();
  const kinds: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) kinds[kind] = (kinds[kind] ?? 0) + 1;
  const { heapUsed, external } = process.memoryUsage();
  const mib = (bytes: number): number => Math.round(bytes / 2 ** 20);
  process.stderr.write(
    `handles ${++count} ${JSON.stringify({ kinds, heapMiB: mib(heapUsed), externalMiB: mib(external) })}\n`,
  );
});
