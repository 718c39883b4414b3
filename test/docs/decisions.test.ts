/** The decisions: one form for all, a status from a closed set, and an index that lists every one with its status. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const folder = new URL('../../docs/decisions/', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, folder), 'utf8');
const files = readdirSync(folder).filter((file) => file !== 'README.md');

/** What is wrong with the form of a decision, in words. */
function faultsOf(file: string, text: string): string[] {
  const number = file.slice(0, 4);
  const parts = text.split(/^## /m).slice(1);
  const headings = parts.map((part) => part.split('\n', 1)[0] ?? '');
  const status = parts[0]?.split('\n').slice(1).join('\n').trim() ?? '';
  const [, other] = /^(?:superseded|corrected) by (\d{4})$/.exec(status) ?? [];
  const faults: string[] = [];
  if (!/^\d{4}-[a-z0-9-]+\.md$/.test(file)) faults.push('the name of the file');
  if (!text.startsWith(`# ${Number(number)}. `)) faults.push('the title');
  if (headings.join() !== 'Status,Context,Decision,Consequences') faults.push(`headings: ${headings.join()}`);
  if (!['accepted', 'withdrawn'].includes(status) && other === undefined) faults.push(`status: ${status}`);
  if (other === number || (other !== undefined && !files.some((name) => name.startsWith(other))))
    faults.push(`decision ${other} is not another one`);
  for (const part of parts)
    if (part.split('\n').slice(1).join('').trim() === '') faults.push('a part is empty');
  return faults;
}

describe('a decision', () => {
  for (const file of files)
    it(`${file} has status, context, decision and consequences`, () => {
      assert.deepEqual(faultsOf(file, read(file)), []);
    });

  it('has a number of its own', () => {
    const numbers = files.map((file) => file.slice(0, 4));
    assert.equal(new Set(numbers).size, numbers.length);
  });
});

describe('the index of decisions', () => {
  it('lists every one once, with its title and status', () => {
    const lines = read('README.md').split('\n');
    for (const file of files) {
      const [, title = '', status = ''] = /^# \d+\. (.+)\n\n## Status\n\n(.+)$/m.exec(read(file)) ?? [];
      const own = lines.filter((line) => line.startsWith(`- [${Number(file.slice(0, 4))}](${file}) `));
      assert.equal(own.length, 1, file);
      const bare = own[0]?.replace(/\[(\d+)\]\([^)]*\)$/, (_, number: string) => number.padStart(4, '0'));
      assert.equal(bare, `- [${Number(file.slice(0, 4))}](${file}) ${title}: ${status}`);
    }
    assert.equal(lines.filter((line) => line.startsWith('- ')).length, files.length);
  });
});

describe('what the test of decisions goes by', () => {
  it('sees a heading too few, a status that there is not, an empty part, and a decision that there is not', () => {
    const text = (status: string, consequences = 'c'): string =>
      `# 1. A\n\n## Status\n\n${status}\n\n## Context\n\na\n\n## Decision\n\nb\n\n## Consequences\n\n${consequences}\n`;
    const faults = (its: string): string[] => faultsOf('0001-a.md', its);
    assert.deepEqual(faults(text('accepted')), []);
    assert.deepEqual(faults(text('in a way')), ['status: in a way']);
    assert.deepEqual(faults(text('accepted', '')), ['a part is empty']);
    assert.deepEqual(faults(text('superseded by 9999')), ['decision 9999 is not another one']);
    assert.deepEqual(faults(text('accepted').replace('## Decision', '### Decision')), [
      'headings: Status,Context,Consequences',
    ]);
  });
});
