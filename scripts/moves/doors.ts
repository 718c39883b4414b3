/**
 * Lets tests, benches and scripts import through the doors of src where these have what is imported. A test of a room
 * may import the room's own files. `node scripts/moves/doors.ts`; says what is left.
 */
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');
const parse = (path: string): ts.SourceFile =>
  ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2023, true);

/** The names that a door exports. */
function exported(door: string): ReadonlySet<string> {
  const names = parse(door).statements.flatMap((statement) =>
    ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)
      ? statement.exportClause.elements.map(({ name }) => name.text)
      : [],
  );
  return new Set(names);
}

/** The doors above a file, the outermost first: of its room, of the rooms in it. */
function doorsOf(target: string): string[] {
  const parts = relative(root, target).split('/');
  const folders = parts.slice(2, -1).map((_, i) => parts.slice(0, i + 3));
  return [parts.slice(0, 2), ...folders]
    .map((path) => resolve(root, ...path, 'index.ts'))
    .filter((door) => existsSync(door));
}

const files = globSync(['{test,bench,scripts}/**/*.ts'], { cwd: root });
const left: string[] = [];
for (const file of files) {
  const path = resolve(root, file);
  const source = parse(path);
  const changes: { from: number; to: number; text: string }[] = [];
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const target = resolve(dirname(path), statement.moduleSpecifier.text);
    const shown = relative(root, target);
    const [top, room = ''] = shown.split('/');
    const doors = doorsOf(target);
    if (top !== 'src' || !statement.moduleSpecifier.text.startsWith('.')) continue;
    if (file.startsWith(`test/${room}/`) || doors.length === 0 || doors.includes(target)) continue;
    const bindings = statement.importClause?.namedBindings;
    const names =
      bindings && ts.isNamedImports(bindings)
        ? bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text)
        : ['*'];
    const door = doors.find((each) => names.every((name) => exported(each).has(name)));
    if (door === undefined) left.push(`${file}: ${shown} (${names.join(', ')})`);
    else {
      const to = statement.moduleSpecifier;
      changes.push({ from: to.getStart(), to: to.getEnd(), text: `'${relative(dirname(path), door)}'` });
    }
  }
  if (changes.length === 0) continue;
  let text = source.text;
  for (const { from, to, text: by } of changes.reverse()) text = text.slice(0, from) + by + text.slice(to);
  writeFileSync(path, text);
}
console.log(`${left.length} left\n${left.join('\n')}`);
