/** Another origin: a little web site whose pages are the clients, bundled as a project of their user would. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { installWebClient } from '../../support/web-package.ts';

export interface Site {
  readonly port: number;
  close(): Promise<void>;
}

/** @param names files in this folder; each is the script of the page of its name */
export async function startSite(names: readonly string[]): Promise<Site> {
  const client = await installWebClient();
  const { outputFiles } = await build({
    entryPoints: names.map((name) => fileURLToPath(new URL(`${name}.ts`, import.meta.url))),
    bundle: true,
    format: 'esm',
    outdir: '/',
    write: false,
    logLevel: 'error',
    alias: { '@tensorgate/web': client.entry },
  }).finally(() => {
    client.remove();
  });
  const scripts = new Map(outputFiles.map(({ path, contents }) => [path, contents]));
  const server: Server = createServer((request, response) => {
    const script = scripts.get(request.url ?? '');
    if (script !== undefined) response.setHeader('content-type', 'text/javascript').end(script);
    else
      response
        .setHeader('content-type', 'text/html')
        .end(
          `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${request.url ?? ''}.js"></script>`,
        );
  });
  server.listen(0);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
