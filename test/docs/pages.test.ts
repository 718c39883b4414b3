/** The pages for those who read the code: the files that they name are there, and so is what they say is in them. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string): string => readFileSync(path(name), 'utf8');
const pagesIn = (folder: string): string[] =>
  readdirSync(path(folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);

const pages = [
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'test/README.md',
  ...pagesIn('docs'),
  ...pagesIn('docs/decisions'),
];

/** A path in full, in backticks; a line or an anchor may stand behind it. Patterns are no paths. */
const fullPath = /`((?:src|test|docs|scripts|deploy|protos)\/[^`\s:#*{}<>]*)(?:[:#][^`\s]*)?`/g;

function missingIn(text: string): string[] {
  return [...text.matchAll(fullPath)]
    .map(([, file]) => file as string)
    .filter((file) => !existsSync(path(file)));
}

const sources = new Map<string, string>();
function source(file: string): string {
  const text = sources.get(file) ?? (existsSync(path(file)) ? read(file) : '');
  sources.set(file, text);
  return text;
}

/** Whether a file declares a name at its top, exported or not. */
function declares(file: string, name: string): boolean {
  const word = name.replaceAll('$', '\\$');
  const declared = `^(?:export )?(?:declare |abstract |async )*(?:class|interface|type|enum|const|let|function\\*?) ${word}\\b`;
  const taken = `^(?:export )?const \\{[^}]*\\b${word}\\b[^}]*\\}`;
  return new RegExp(`${declared}|${taken}`, 'm').test(source(file));
}

/** `One`, `Other` in `src/file.ts`. */
const whereDeclared = /((?:`[\w$]+`, )*`[\w$]+`) in `([^`]+\.ts)`/g;

function undeclaredIn(cell: string): string[] {
  return [...cell.matchAll(whereDeclared)].flatMap(([, names, file]) =>
    [...(names as string).matchAll(/`([\w$]+)`/g)]
      .map(([, name]) => name as string)
      .filter((name) => !declares(file as string, name))
      .map((name) => `${name} in ${file}`),
  );
}

/** Cells of the tables' rows, without their heads. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line, i, lines) => line.startsWith('| ') && lines[i + 1]?.startsWith('| ---') !== true)
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([first]) => first !== '---');
}

/** `src/file.ts` `Class.member`, `#other`: what stands right behind a path, in parentheses or not. */
const behindPath = /`(?<file>src\/[^`]+\.ts)`(?<names>(?:,? \(?`[#\w$][\w$.#]*`\)?)+)/g;
/** `Class.member` in `src/file.ts`, or with the path in parentheses. */
const beforePath = /(?<names>`[#\w$][\w$.#]*`) (?:in |\()`(?<file>src\/[^`]+\.ts)`/g;

const namedIn = (text: string): { file: string; names: string }[] =>
  [behindPath, beforePath].flatMap((pattern) =>
    [...text.matchAll(pattern)].map(({ groups }) => groups as { file: string; names: string }),
  );

function strangersIn(text: string): string[] {
  return namedIn(text).flatMap(({ file, names }) =>
    [...names.matchAll(/[\w$]+/g)]
      .map(([name]) => name)
      .filter((name) => !new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`).test(source(file)))
      .map((name) => `${name} in ${file}`),
  );
}

/** "retry.maxAttempts": a part of the configuration, or a key of one. */
function isSetting(name: string): boolean {
  const parts = read('docs/configuration.md').split(/^#+ /m);
  const partOf = (title: string): string | undefined =>
    parts.find((part) => part.startsWith(`${title}\n`) || part.startsWith(`${title}[]\n`));
  const dot = name.lastIndexOf('.');
  return (
    partOf(name) !== undefined ||
    partOf(name.slice(0, dot))?.includes(`| \`${name.slice(dot + 1)}\` `) === true
  );
}

describe('the pages', () => {
  for (const page of pages)
    it(`${page}: every path in full is a file or a folder`, () => {
      assert.deepEqual(missingIn(read(page)), []);
    });

  for (const page of ['docs/life-of-a-call.md', 'docs/states.md'])
    it(`${page}: what stands beside a path is in that file`, () => {
      assert.ok(namedIn(read(page)).length > 30);
      assert.deepEqual(strangersIn(read(page)), []);
    });
});

describe('comments that keep what is odd for speed', () => {
  it('name a decision that there is', () => {
    const decisions = readdirSync(path('docs/decisions')).map((file) => file.slice(0, 4));
    const tags = globSync('src/**/*.ts', { cwd: path('.') }).flatMap((file) =>
      [...read(file).matchAll(/\bhot: (\d+)/g)].map(([, number]) => ({ file, number })),
    );
    assert.ok(tags.length > 15);
    assert.deepEqual(
      tags.filter(({ number }) => !decisions.includes(number ?? '')),
      [],
    );
  });
});

describe('the glossary', () => {
  const rows = rowsOf(read('docs/glossary.md'));

  it('has a type or a function behind every word, and the file that declares it', () => {
    assert.ok(rows.length >= 60, `${rows.length} rows`);
    for (const [word, meaning, where = '', ...others] of rows) {
      assert.ok(meaning !== undefined && meaning !== '' && others.length === 1, `${word}: four cells`);
      assert.match(where, new RegExp(`^${whereDeclared.source}(; ${whereDeclared.source})*$`), word);
      assert.deepEqual(undeclaredIn(where), [], word);
    }
  });

  it('names settings and metrics that there are', () => {
    const shown = rows.flatMap(([, , , names = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    );
    const metrics = shown.filter((name) => name.startsWith('tensorgate_'));
    const settings = shown.filter((name) => /^[a-z]\w*(\.\w+)+$/i.test(name));
    assert.ok(metrics.length > 5 && settings.length > 5);
    const known = read('docs/metrics.md');
    assert.deepEqual(
      metrics.filter((name) => !known.includes(`\`${name}\``)),
      [],
    );
    assert.deepEqual(
      settings.filter((name) => !isSetting(name)),
      [],
    );
  });

  it('has one row for a word', () => {
    const words = rows.map(([word]) => word);
    assert.deepEqual(
      words.filter((word, i) => words.indexOf(word) !== i),
      [],
    );
  });
});

describe('what the tests of the pages go by', () => {
  it('sees a path that is not there, and lets patterns be', () => {
    assert.deepEqual(missingIn('`src/main.ts:12`, `src/no-such.ts`, `src/*.ts`, `npm test src/x`, `docs/`'), [
      'src/no-such.ts',
    ]);
  });

  it('sees a name that its file does not declare', () => {
    assert.deepEqual(undeclaredIn('`args`, `NoSuch` in `src/main.ts`; `args` in `src/no-such.ts`'), [
      'NoSuch in src/main.ts',
      'args in src/no-such.ts',
    ]);
  });

  it('sees a name that is not in the file beside it', () => {
    const text =
      '`src/main.ts` `process.argv`, `#noSuch`, `src/main.ts` (`guardStdio`); `None` in `src/main.ts`';
    assert.deepEqual(strangersIn(text), ['noSuch in src/main.ts', 'None in src/main.ts']);
  });
});
