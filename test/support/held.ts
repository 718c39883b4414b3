/** What a gateway says that it holds for its clients, by kind. */
import { waitFor } from './process.ts';

export type HeldBytes = Readonly<Record<string, number>>;

/** @param admin "127.0.0.1:PORT" of the admin door */
export async function heldBytes(admin: string): Promise<HeldBytes> {
  const text = await (await fetch(`http://${admin}/metrics`)).text();
  const found: Record<string, number> = {};
  for (const [, kind, value] of text.matchAll(/memory_held_bytes\{kind="([^"]+)"\} (-?\d+)/g))
    found[kind as string] = Number(value);
  if (Object.keys(found).length === 0) throw new Error(`no account in ${text.slice(0, 200)}`);
  return found;
}

export const sumOf = (held: HeldBytes): number => Object.values(held).reduce((a, b) => a + b, 0);

async function until(admin: string, what: string, isSo: (bytes: number) => boolean): Promise<number> {
  let held: HeldBytes = {};
  await waitFor(async () => isSo(sumOf((held = await heldBytes(admin)))), 20_000, what).catch(
    (cause: unknown) => {
      throw new Error(`no ${what}, held: ${JSON.stringify(held)}`, { cause });
    },
  );
  return sumOf(held);
}

/** Waits until at least so many bytes are held; gives how many there are. */
export const holding = (admin: string, bytes: number): Promise<number> =>
  until(admin, `account of ${bytes} bytes`, (held) => held >= bytes);

/** Waits until nothing is held. */
export const emptied = (admin: string): Promise<number> =>
  until(admin, 'empty account', (held) => held === 0);
