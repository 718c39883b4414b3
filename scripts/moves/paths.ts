/** Rewrites paths of src/ in texts (pages, comments, scripts) as map.txt says. `node scripts/moves/paths.ts`. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const pairs = readFileSync(join(import.meta.dirname, 'map.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => line.split(' ') as [string, string])
  .sort(([a], [b]) => b.length - a.length);
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
/** Files by their whole path, with or without src/ before it; folders with src/ or in backticks. */
const rules = pairs.map(([from, to]): [RegExp, string] => {
  if (from.endsWith('/'))
    return [
      new RegExp(
        `(src/${from.indexOf('/') < from.length - 1 ? '|\`' : ''})${escaped(from.slice(0, -1))}(?=[/\`])`,
        'g',
      ),
      `$1${to.slice(0, -1)}`,
    ];
  const loose = from.includes('/') ? '(src/)?' : '(src/)';
  return [new RegExp(`(?<![\\w/.-])${loose}${escaped(from)}\\b`, 'g'), `$1${to}`];
});
const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
});
const once = (text: string): string => {
  // one pass: what a rule has written is no other's to rewrite
  const marks: string[] = [];
  let result = text;
  for (const [pattern, to] of rules)
    result = result.replace(pattern, (...args: string[]) => {
      const prefix = args[1] ?? '';
      marks.push(to.replace('$1', prefix));
      return `\u0001${marks.length - 1}\u0002`;
    });
  return result.replace(/\u0001(\d+)\u0002/g, (_, i: string) => marks[Number(i)] ?? '');
};
for (const name of listed.split('\0')) {
  if (!/\.(md|ts|mjs|js|cjs|sh|py|txt|ya?ml)$/.test(name) || name.startsWith('scripts/moves/')) continue;
  const path = join(root, name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    continue;
  }
  const skip = name === 'CHANGELOG.md' || name === 'test/README.md';
  const after = skip ? text : once(text);
  if (after !== text) {
    writeFileSync(path, after);
    console.log(name);
  }
}
