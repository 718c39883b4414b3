/** The docs as a site: which pages, in which order, searchable without the network, under the policy of the admin door. */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** Pages that lie outside docs and have one of their own here, by how docs name them. */
const elsewhere: Readonly<Record<string, string>> = {
  '../CHANGELOG.md': './guide/changelog.md',
  '../clients/web/README.md': './guide/browser.md',
};

const base = process.env.TENSORGATE_SITE_BASE ?? '/docs/';
const outDir = process.env.TENSORGATE_SITE_OUT ?? '../dist/docs';

const page = (text: string, link: string): { text: string; link: string } => ({ text, link });

const plain = (code: string, lang: string): string => {
  const text = code.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<pre class="plain ${/^\w+$/.test(lang) ? lang : 'text'}" v-pre tabindex="0"><code>${text}</code></pre>`;
};

/** The policy lets no script run that stands in the page: each becomes a file of its own. */
function withoutInlineScripts(html: string, folder: string): string {
  return html.replace(
    /<script((?:\s[^>]*)?)>([^<]+)<\/script>/g,
    (_all, attributes: string, code: string) => {
      const name = `inline.${createHash('sha256').update(code).digest('hex').slice(0, 8)}.js`;
      mkdirSync(join(folder, 'assets'), { recursive: true });
      writeFileSync(join(folder, 'assets', name), code);
      return `<script${attributes.replace(/ id="[^"]*"/, '')} src="${base}assets/${name}"></script>`;
    },
  );
}

export default defineConfig({
  title: `Tensorgate ${version}`,
  description: 'A gRPC-Web and REST gateway and load balancer for model servers',
  lang: 'en',
  base,
  outDir,
  // browsers ask for /favicon.ico otherwise
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  metaChunk: true,
  // it would make a style element
  appearance: { disableTransition: false },
  rewrites: { 'decisions/README.md': 'decisions/index.md' },
  markdown: {
    // text like <name> is text
    html: false,
    // colours are written as style attributes, which the policy forbids
    highlight: plain,
    config(md) {
      md.core.ruler.push('elsewhere', ({ tokens }) => {
        /** Headings over the one at hand: levels that a page leaves out are closed up. */
        const over: number[] = [];
        for (const [i, token] of tokens.entries()) {
          if (token.type === 'heading_open') {
            const level = Number(token.tag.slice(1));
            while ((over.at(-1) ?? 0) >= level) over.pop();
            over.push(level);
          }
          if (token.type.startsWith('heading_')) token.tag = `h${over.length}`;
          // a head without a word is none
          if (token.type === 'th_open' && tokens[i + 1]?.content === '')
            for (const each of [token, tokens[i + 2]]) if (each !== undefined) each.tag = 'td';
          const { children } = token;
          // columns of numbers: the policy forbids style attributes, too
          if (token.attrGet('style') === 'text-align:right') token.attrs = [['class', 'right']];
          for (const link of children ?? []) {
            const href = link.attrGet('href') ?? '';
            // the changelog names pages from the repository's root
            const other = href.startsWith('docs/') ? href.replace('docs/', '../') : elsewhere[href];
            if (other !== undefined) link.attrSet('href', other);
          }
        }
      });
    },
  },
  // linked to, and no page
  buildEnd: ({ outDir: folder }) => {
    copyFileSync(
      new URL('../tensorgate.schema.json', import.meta.url),
      join(folder, 'tensorgate.schema.json'),
    );
  },
  transformHtml: (html, _id, { siteConfig }) =>
    withoutInlineScripts(html, siteConfig.outDir).replace(/ style="[^"]*"/g, ''),
  themeConfig: {
    siteTitle: `Tensorgate ${version}`,
    search: { provider: 'local' },
    outline: { level: [2, 3] },
    nav: [
      page('Guide', '/guide/install'),
      page('Configuration', '/configuration'),
      page('Decisions', '/decisions/'),
    ],
    sidebar: [
      {
        text: 'First steps',
        items: [
          page('Install', '/guide/install'),
          page('First model', '/guide/first-model'),
          page('In front of your server', '/guide/servers'),
          page('A canary in five minutes', '/guide/canary'),
          page('Kubernetes in ten', '/guide/kubernetes'),
          page('From a browser', '/guide/browser'),
          page('From Envoy’s transcoder', '/guide/from-envoy'),
          page('From OVMS’s TFS API', '/guide/from-ovms'),
        ],
      },
      {
        text: 'Reference',
        items: [
          page('Configuration', '/configuration'),
          page('Metrics', '/metrics'),
          page('Errors', '/errors'),
          page('Limits', '/limits'),
          page('Bridges between APIs', '/bridging'),
          page('KServe V2', '/v2-protocol'),
          page('Changelog', '/guide/changelog'),
        ],
      },
      {
        text: 'How it works',
        items: [
          page('The fleet', '/fleet'),
          page('Balancing', '/balancing'),
          page('Traffic', '/traffic'),
          page('Generative servers', '/generative'),
          page('Redis', '/redis'),
          page('Security', '/security'),
          page('Operations', '/operations'),
          page('Runbooks', '/runbooks'),
          page('Upgrading', '/upgrading'),
          page('The dashboard', '/dashboard'),
        ],
      },
      {
        text: 'Inside',
        items: [
          page('Life of a call', '/life-of-a-call'),
          page('States', '/states'),
          page('Glossary', '/glossary'),
          page('Decisions', '/decisions/'),
        ],
      },
    ],
  },
});
