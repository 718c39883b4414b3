/** The guide's snippets: configurations are checked, manifests are read, commands run against the demo's fleet. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { loadSnapshot } from '../../src/config/index.ts';
import { type DemoFleet, startDemoFleet } from '../../src/demo/index.ts';
import { gatewayOptions } from '../../src/gateway/index.ts';
import { run, startTestGateway, type TestGateway } from '../support/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = join(root, 'docs/guide');

interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly lang: string;
  /** What stands behind the language: "kubernetes", or "syntax: why it is not run". */
  readonly note: string;
  readonly text: string;
}

/** Fenced code of a page, without its indent. */
function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(folder, page), 'utf8');
  return [...text.matchAll(/^( *)```(\w*) ?(.*)\n([^]*?)^ *```$/gm)].map(
    ([, indent = '', lang = '', note = '', body = ''], i, all) => ({
      page,
      line: text.slice(0, all[i]?.index).split('\n').length,
      lang,
      note,
      text: body
        .split('\n')
        .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
        .join('\n'),
    }),
  );
}

const snippets = readdirSync(folder).sort().flatMap(snippetsOf);
const of = (lang: string, isMeant: (note: string) => boolean): Snippet[] =>
  snippets.filter((each) => each.lang === lang && isMeant(each.note));
const isPlain = (note: string): boolean => note === '';
const title = ({ page, line }: Snippet): string => `${page}:${line}`;

describe('the guide', () => {
  let files: string;
  let fleet: DemoFleet;
  let gateway: TestGateway;
  before(async () => {
    files = mkdtempSync(join(tmpdir(), 'tensorgate-guide-'));
    fleet = await startDemoFleet({ replicas: 1, models: ['half_plus_two'] });
    const backends = fleet.backends.map(({ url }) => url);
    gateway = await startTestGateway(backends, { models: { half_plus_two: {} } });
  });
  after(async () => {
    await gateway.stop();
    await fleet.stop();
    rmSync(files, { recursive: true });
  });
  const here = (text: string): string =>
    text
      .replaceAll('localhost:8000', gateway.rest)
      .replaceAll('localhost:9000', gateway.grpc)
      .replaceAll('localhost:8001', gateway.admin);

  it('has nothing but snippets of a kind that is tried, and a reason beside each that is not run', () => {
    const kinds = new Set(
      snippets.map(({ lang, note }) => `${lang} ${note.replace(/^syntax: .{10,}/, 'syntax')}`),
    );
    assert.deepEqual([...kinds].sort(), ['js ', 'sh ', 'sh syntax', 'yaml ', 'yaml kubernetes']);
    assert.ok(snippets.length > 20, `${snippets.length} snippets`);
  });

  for (const snippet of of('yaml', isPlain))
    it(`${title(snippet)}: the configuration is one`, () => {
      const file = join(files, 'gateway.yaml');
      writeFileSync(file, snippet.text);
      gatewayOptions(loadSnapshot(file, {}, {}), '0.0.0');
    });

  for (const snippet of of('yaml', (note) => note === 'kubernetes'))
    it(`${title(snippet)}: each manifest says its kind, version and name`, () => {
      const documents = parseAllDocuments(snippet.text);
      assert.ok(Array.isArray(documents) && documents.length > 0);
      for (const document of documents) {
        assert.deepEqual(document.errors, []);
        const { apiVersion, kind, metadata } = document.toJS() as Record<string, { name?: unknown }>;
        assert.deepEqual(
          [typeof apiVersion, typeof kind, typeof metadata?.name],
          ['string', 'string', 'string'],
        );
      }
    });

  for (const snippet of of('sh', (note) => note.startsWith('syntax: ')))
    it(`${title(snippet)}: the commands are ones that a shell can read`, async () => {
      const { code, stderr } = await run('bash', ['-n', '-c', snippet.text]);
      assert.equal(code, 0, stderr);
      // what is in the repository is there
      for (const [, file = ''] of snippet.text.matchAll(/(?:^|\s)((?:bin|deploy)\/[\w./-]+)/g))
        assert.ok(existsSync(join(root, file)), file);
    });

  for (const snippet of of('sh', isPlain))
    it(`${title(snippet)}: each command answers as it says`, async () => {
      const pairs = [...snippet.text.matchAll(/^([^#\n].*)\n# (.*)$/gm)];
      const commands = snippet.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      assert.equal(pairs.length, commands.length, 'each command has its answer below');
      for (const [, command = '', answer = ''] of pairs) {
        const { code, stdout, stderr } = await run('bash', ['-c', here(command)], { cwd: root });
        assert.equal(code, 0, stderr);
        const compact = (text: string): string => text.replaceAll(/\s/g, '');
        assert.ok(compact(stdout).includes(compact(answer)), `${command}\n${stdout}`);
      }
    });

  for (const snippet of of('js', isPlain))
    it(`${title(snippet)}: the script prints what it says`, async () => {
      const file = join(files, 'page.mjs');
      const client = new URL('../../clients/web/src/index.ts', import.meta.url).href;
      writeFileSync(file, here(snippet.text).replace('@tensorgate/web', client));
      const { code, stdout, stderr } = await run(process.execPath, [file]);
      assert.equal(code, 0, stderr);
      const [, answer = ''] = /^\/\/ (.*)$/m.exec(snippet.text) ?? [];
      assert.ok(answer !== '' && stdout.includes(answer), stdout);
    });
});
