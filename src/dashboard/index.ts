/** The dashboard's files, read once: the page, and the web client that its playground calls models with. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';

export { Docs } from './docs.ts';

interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzip: Buffer;
  readonly etag: string;
}

/**
 * From src the browser gets the TypeScript files with their types stripped; from dist what the compiler made of them.
 */
const compiled = extname(import.meta.url) === '.js';
/** In both, the files lie as in the repository, so that their imports of each other hold in the browser too. */
const root = new URL(compiled ? '../web/' : '../../', import.meta.url);
const folders = ['src/dashboard/page/', 'clients/web/src/'];
const indexFile = 'src/dashboard/page/index.html';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

let loaded: ReadonlyMap<string, PageFile> | undefined;

/** Every file by its path ("/assets/..."); the page itself is "/". */
export function loadPage(): ReadonlyMap<string, PageFile> {
  return (loaded ??= new Map(
    folders.flatMap((folder) =>
      readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
        .map((name) => folder + name)
        .filter((path) => extname(path) in types)
        .map((path) => [path === indexFile ? '/' : `/assets/${path}`, read(path)]),
    ),
  ));
}

function read(path: string): PageFile {
  const text = readFileSync(new URL(path, root), 'utf8');
  const body = Buffer.from(textOf(path, text));
  return {
    type: types[extname(path)] as string,
    body,
    gzip: gzipSync(body, { level: 9 }),
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  };
}

function textOf(path: string, text: string): string {
  if (path.endsWith('.ts')) return nodeModule.stripTypeScriptTypes(text, { mode: 'strip' });
  return path === indexFile && compiled ? text.replaceAll('.ts"', '.js"') : text;
}
