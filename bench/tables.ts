/** Puts what a script measured in its place in a document: between <!-- NAME --> and <!-- /NAME -->. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @param document path from the top of the repository */
export function writeBetween(document: string, name: string, text: string): void {
  const path = fileURLToPath(new URL(`../${document}`, import.meta.url));
  const [from, to] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const content = readFileSync(path, 'utf8');
  const start = content.indexOf(from);
  const end = content.indexOf(to);
  if (start < 0 || end < start) throw new Error(`${document} has no place for ${name}`);
  writeFileSync(path, `${content.slice(0, start + from.length)}\n\n${text}\n\n${content.slice(end)}`);
}
