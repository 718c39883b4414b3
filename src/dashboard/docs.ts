/** The docs as a site, where `scripts/site.sh` has built it: each file is read when somebody asks for it first. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

interface DocsFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzip: Buffer;
  readonly etag: string;
}

const built = new URL(extname(import.meta.url) === '.js' ? '../docs/' : '../../dist/docs/', import.meta.url);

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
};

const zip = promisify(gzip);

/** The files of one site, by their paths below it; a folder's is that of its index.html. */
export class Docs {
  readonly #folder: URL;
  #names: ReadonlySet<string> | undefined;
  readonly #files = new Map<string, Promise<DocsFile>>();

  constructor(folder = built) {
    this.#folder = folder;
  }

  /** False where no site was built, or not yet. */
  get isThere(): boolean {
    return this.#list().size > 0;
  }

  /** Undefined when there is none. Names are compared with those of the folder: no path leads out of it. */
  find(path: string): Promise<DocsFile> | undefined {
    const name = path === '' || path.endsWith('/') ? `${path}index.html` : path;
    if (!this.#list().has(name)) return undefined;
    let file = this.#files.get(name);
    if (file === undefined) {
      file = this.#read(name);
      this.#files.set(name, file);
      file.catch(() => this.#files.delete(name));
    }
    return file;
  }

  #list(): ReadonlySet<string> {
    if (this.#names !== undefined) return this.#names;
    try {
      const names = readdirSync(this.#folder, { recursive: true, encoding: 'utf8' });
      return (this.#names = new Set(names.filter((name) => extname(name) in types)));
    } catch {
      return new Set();
    }
  }

  async #read(name: string): Promise<DocsFile> {
    const body = await readFile(new URL(name.split('/').map(encodeURIComponent).join('/'), this.#folder));
    return {
      type: types[extname(name)] as string,
      body,
      gzip: await zip(body),
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    };
  }
}
