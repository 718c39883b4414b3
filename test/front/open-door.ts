/** A door of its own for a test: plain, on a free port of loopback, with short times. */
import { silentObserver } from '../../src/call/index.ts';
import { listen, type Listener } from '../../src/front/index.ts';
import { MemoryAccount } from '../../src/memory/index.ts';
import { defaultServerLimits } from '../../src/wire/index.ts';

/** It is cut when the test ends. */
export async function openDoor(
  t: { after(f: () => Promise<void>): void },
  handlers: Parameters<typeof listen>[1],
): Promise<Listener> {
  const memory = new MemoryAccount(1e9, { clock: () => performance.now(), events: { limited() {} } });
  const listener = await listen(
    {
      host: '127.0.0.1',
      port: 0,
      http2: defaultServerLimits,
      headersTimeoutMs: 1000,
      keepAliveTimeoutMs: 1000,
      maxConnectionsPerAddress: 100,
      isTrusted: () => false,
      maxConnections: 100,
      idleTimeoutMs: 1000,
      writeTimeoutMs: 1000,
    },
    handlers,
    silentObserver,
    memory,
  );
  t.after(() => listener.stop());
  return listener;
}
