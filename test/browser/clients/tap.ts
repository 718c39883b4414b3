/**
 * Listens in on a browser's HTTP/1.1 connections to a gateway: a preflight is seen by no page and by no page's tools.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';

export interface Tap {
  readonly url: string;
  /** How often the browser has sent this text. */
  count(text: string): number;
  close(): Promise<void>;
}

/** @param address "127.0.0.1:PORT" of what is behind it */
export async function startTap(address: string): Promise<Tap> {
  const [host, port] = address.split(':');
  let heard = '';
  const server = createServer((browser) => {
    const gateway = connect(Number(port), host);
    browser.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')));
    browser.pipe(gateway).pipe(browser);
    for (const [one, other] of [
      [browser, gateway],
      [gateway, browser],
    ] as const)
      one.on('error', () => other.destroy()).on('close', () => other.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (text) => heard.split(text).length - 1,
    async close() {
      server.close();
      await Promise.race([once(server, 'close'), new Promise((resolve) => setTimeout(resolve, 100))]);
    },
  };
}
