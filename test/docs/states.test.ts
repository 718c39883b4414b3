/** The page of states and the code name the same states: each table the members of the type at its head. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const read = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8');

/** Members of a union of texts, as its file declares it. */
function membersOf(type: string, file: string): string[] {
  const declared = new RegExp(`^export type ${type} =([^;]*);`, 'm').exec(read(file))?.[1] ?? '';
  return [...declared.matchAll(/'([^']+)'/g)].map(([, member]) => member as string);
}

interface Table {
  readonly heading: string;
  readonly head: string;
  /** Of the first cells, what stands in backticks. */
  readonly states: readonly string[];
}

function tablesOf(text: string): Table[] {
  let heading = '';
  const tables: Table[] = [];
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    if (line.startsWith('#')) heading = line.replace(/^#+ /, '');
    if (!line.startsWith('| ') || lines[i + 1]?.startsWith('| ---') !== true) return;
    const after = lines.slice(i + 2);
    const end = after.findIndex((row) => !row.startsWith('| '));
    const firsts = after.slice(0, end === -1 ? undefined : end).map((row) => row.split('|')[1] ?? '');
    const states = firsts.flatMap((cell) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    );
    tables.push({ heading, head: line.split('|')[1]?.trim() ?? '', states });
  });
  return tables;
}

const tables = tablesOf(read('docs/states.md'));
const typeAt = /^state \(`(\w+)` in `([^`]+)`/;
const sorted = (names: Iterable<string>): string[] => [...names].sort();

describe('the page of states', () => {
  const typed = tables.filter(({ head }) => typeAt.test(head));

  it('has a type for each machine', () => {
    assert.equal(typed.length, 11);
  });

  for (const { heading, head, states } of typed) {
    const [, type = '', file = ''] = typeAt.exec(head) ?? [];

    it(`${heading}: names the states of ${type}, all of them and no others`, () => {
      assert.ok(states.length > 2);
      assert.deepEqual(sorted(states), sorted(membersOf(type, file)));
    });
  }

  let members: string[] = [];
  for (const { heading, head, states } of tables) {
    const [, type, file] = typeAt.exec(head) ?? [];
    if (type !== undefined && file !== undefined) members = membersOf(type, file);
    else if (head === 'state') {
      const known = members;
      it(`${heading}: says of these states alone what events do`, () => {
        assert.deepEqual(
          states.filter((name) => !known.includes(name)),
          [],
        );
      });
    }
  }
});
