/** Writes the documents that are made from the code; --check compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { bridgingPage } from './bridging.ts';
import { configurationPage, publishedSchema } from './configuration.ts';
import { decisionsPage } from './decisions.ts';
import { metricsPage } from './metrics.ts';
import { readmePage } from './peers.ts';
import { architecturePage } from './rooms.ts';
import { v2ProtocolPage } from './v2-protocol.ts';

const root = new URL('../../', import.meta.url);
const markdown = (text: string): Promise<string> => format(text, { parser: 'markdown', printWidth: 140 });

const documents: readonly (readonly [path: string, text: string])[] = [
  ['ARCHITECTURE.md', await markdown(architecturePage)],
  ['README.md', readmePage],
  ['docs/bridging.md', await markdown(bridgingPage)],
  ['docs/configuration.md', await markdown(configurationPage)],
  ['docs/decisions/README.md', await markdown(decisionsPage)],
  ['docs/metrics.md', await markdown(metricsPage)],
  ['docs/v2-protocol.md', await markdown(v2ProtocolPage)],
  [
    'docs/tensorgate.schema.json',
    await format(JSON.stringify(publishedSchema()), { parser: 'json', printWidth: 110 }),
  ],
];
let stale = false;
for (const [path, text] of documents) {
  const url = new URL(path, root);
  if (process.argv.includes('--check')) {
    let now = '';
    try {
      now = readFileSync(url, 'utf8');
    } catch {
      // missing is stale too
    }
    if (now === text) continue;
    stale = true;
    console.error(`${path} is out of date: run npm run docs`);
  } else writeFileSync(url, text);
}
process.exitCode = stale ? 1 : 0;
