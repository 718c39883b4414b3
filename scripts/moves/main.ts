/**
 * Moves files of src/ as map.txt says, rewrites every import of them, and makes the doors (index.ts) of the rooms
 * anew: each exports what somebody outside of the room uses. Kept as long as branches from before the moves have to
 * be replayed. `node scripts/moves/main.ts`.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');
const src = join(root, 'src');

/** Rooms and sub-rooms that have a door, and the sentence that opens it. */
const rooms = new Map(
  readFileSync(join(import.meta.dirname, 'rooms.txt'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.indexOf(' ');
      return [line.slice(0, at), line.slice(at + 1)] as const;
    }),
);

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'generated'].includes(entry.name) && entry.name !== 'generated') return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return walk(path);
    return /\.(ts|mjs)$/.test(entry.name) ? [path] : [];
  });
}

const files = ['src', 'test', 'scripts', 'bench'].flatMap((folder) => walk(join(root, folder)));

/** Old path to new path, below src/. */
const moved = new Map<string, string>();
const folders: [string, string][] = [];
for (const line of readFileSync(join(import.meta.dirname, 'map.txt'), 'utf8').split('\n')) {
  if (line === '' || line.startsWith('#')) continue;
  const [from, to] = line.split(' ') as [string, string];
  if (from.endsWith('/')) folders.push([from, to]);
  else if (existsSync(join(src, from))) moved.set(from, to);
  else throw new Error(`no ${from}`);
}
/** Doors of before: nothing but exports of what is declared elsewhere. */
const oldDoors = new Set<string>();
for (const file of files) {
  const name = relative(src, file);
  if (name.startsWith('..') || moved.has(name)) continue;
  const folder = folders.find(([from]) => name.startsWith(from));
  if (folder !== undefined) moved.set(name, folder[1] + name.slice(folder[0].length));
}

const options: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  target: ts.ScriptTarget.ES2023,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
  strict: true,
  types: ['node'],
};
const program = ts.createProgram(
  files.filter((file) => file.endsWith('.ts')),
  options,
);
const checker = program.getTypeChecker();

for (const file of files) {
  const name = relative(src, file);
  if (name.startsWith('..') || !name.endsWith('index.ts')) continue;
  const source = program.getSourceFile(file);
  if (source === undefined) continue;
  const only = source.statements.every(
    (statement) => ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined,
  );
  if (only) oldDoors.add(file);
}

const newPath = (file: string): string => {
  const name = relative(src, file);
  return name.startsWith('..') ? file : join(src, moved.get(name) ?? name);
};

/** The door through which a file at `from` reaches one at `to`, or `to` itself. */
function doorOf(from: string, to: string): string {
  const target = relative(src, to);
  const own = relative(src, from);
  const parts = target.split('/').slice(0, -1);
  for (let i = 1; i <= parts.length; i++) {
    const room = parts.slice(0, i).join('/');
    if (!rooms.has(room)) continue;
    if (!own.startsWith(`${room}/`)) return join(src, room, 'index.ts');
  }
  return to;
}

interface Wanted {
  readonly file: string;
  readonly declared: string;
  isType: boolean;
}
/** What each door exports: the name to who declares it. */
const doors = new Map<string, Map<string, Wanted>>();

/** Has a room export a name, by the doors of the rooms within it. */
function open(door: string, name: string, declared: string, file: string, isType: boolean): void {
  const exported = doors.get(door) ?? new Map<string, Wanted>();
  doors.set(door, exported);
  const inner = doorOf(door, file);
  const there = exported.get(name);
  if (there !== undefined && there.file !== inner)
    throw new Error(`${relative(root, door)}: two of ${name}: ${there.file} and ${file}`);
  // behind an inner door it has the outer name already
  const behind = inner === file ? declared : name;
  exported.set(name, { file: inner, declared: behind, isType });
  if (inner !== file) open(inner, name, declared, file, isType);
}

function isTypeOnly(symbol: ts.Symbol): boolean {
  return (symbol.flags & ts.SymbolFlags.Value) === 0;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}
interface Binding {
  readonly imported: string;
  readonly local: string;
  readonly type: boolean;
}

const specifierOf = (from: string, to: string): string => {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
};

function rewritten(file: string): string {
  const text = readFileSync(file, 'utf8');
  const source = program.getSourceFile(file);
  if (source === undefined) return text;
  const mine = newPath(file);
  const inSrc = file.startsWith(`${src}/`);
  const edits: Edit[] = [];
  const resolved = (specifier: ts.Expression): string | undefined => {
    if (!ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return undefined;
    const path = resolve(dirname(file), specifier.text);
    return path.startsWith(`${src}/`) || inSrc ? path : undefined;
  };
  const target = (
    symbol: ts.Symbol | undefined,
    at: string,
  ): { file: string; name: string; type: boolean } => {
    let found = symbol;
    if (found !== undefined && (found.flags & ts.SymbolFlags.Alias) !== 0)
      found = checker.getAliasedSymbol(found);
    const declaration = found?.declarations?.[0];
    if (found === undefined || declaration === undefined) throw new Error(`${file}: ${at}: what is it?`);
    return { file: declaration.getSourceFile().fileName, name: found.name, type: isTypeOnly(found) };
  };
  const plain = (literal: ts.StringLiteral, to: string): void => {
    const specifier = specifierOf(mine, newPath(to));
    if (specifier !== literal.text)
      edits.push({ start: literal.getStart(source) + 1, end: literal.getEnd() - 1, text: specifier });
  };
  for (const statement of source.statements) {
    const isImport = ts.isImportDeclaration(statement);
    if (!isImport && !ts.isExportDeclaration(statement)) continue;
    const specifier = statement.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier)) continue;
    const to = resolved(specifier);
    if (to === undefined) continue;
    const clause = isImport ? statement.importClause?.namedBindings : statement.exportClause;
    const elements =
      clause !== undefined && (ts.isNamedImports(clause) || ts.isNamedExports(clause))
        ? clause.elements
        : undefined;
    const throughDoor = oldDoors.has(to);
    if (elements === undefined || (!inSrc && !throughDoor) || (!isImport && !throughDoor)) {
      plain(specifier, to);
      continue;
    }
    const all = isImport
      ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      : statement.isTypeOnly;
    const byFile = new Map<string, Binding[]>();
    for (const element of elements) {
      const found = target(checker.getSymbolAtLocation(element.name), element.getText(source));
      const imported = (element.propertyName ?? element.name).text;
      const local = element.name.text;
      const at = newPath(found.file);
      // a file that gives a name on under another one keeps it as long as it is no door
      const direct = !throughDoor && found.file === to;
      const wanted = direct ? newPath(to) : at;
      const path = doorOf(mine, wanted);
      let name = imported;
      if (path !== wanted) open(path, imported, direct ? imported : found.name, wanted, found.type);
      else if (!direct) name = found.name;
      const list = byFile.get(path) ?? [];
      byFile.set(path, list);
      list.push({ imported: name, local, type: all || element.isTypeOnly });
    }
    const lines = [...byFile].map(([path, bindings]) => {
      const types = bindings.every(({ type }) => type);
      const names = bindings.map(
        ({ imported, local, type }) =>
          `${type && !types ? 'type ' : ''}${imported === local ? local : `${imported} as ${local}`}`,
      );
      return `${isImport ? 'import' : 'export'} ${types ? 'type ' : ''}{ ${names.join(', ')} } from '${specifierOf(mine, path)}';`;
    });
    edits.push({ start: statement.getStart(source), end: statement.getEnd(), text: lines.join('\n') });
  }
  const visit = (node: ts.Node): void => {
    if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      node.arguments[0] !== undefined &&
      ts.isStringLiteral(node.arguments[0])
    ) {
      const to = resolved(node.arguments[0]);
      if (to !== undefined) plain(node.arguments[0], to);
    }
    if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      const to = resolved(node.argument.literal);
      if (to !== undefined) plain(node.argument.literal, to);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  edits.sort((a, b) => b.start - a.start);
  let result = text;
  for (const { start, end, text: by } of edits) result = result.slice(0, start) + by + result.slice(end);
  return result;
}

/** Imports of one file in one statement, packages first, then by path from far to near. */
function tidied(text: string): string {
  const source = ts.createSourceFile('x.ts', text, ts.ScriptTarget.ES2023, true);
  const imports = source.statements.filter((statement) => ts.isImportDeclaration(statement));
  if (imports.length < 2) return text;
  const merged = new Map<string, { bindings: Map<string, boolean>; statement: string | undefined }>();
  for (const statement of imports) {
    const path = (statement.moduleSpecifier as ts.StringLiteral).text;
    const clause = statement.importClause;
    const named = clause?.namedBindings;
    const entry = merged.get(path) ?? { bindings: new Map<string, boolean>(), statement: undefined };
    if (
      clause === undefined ||
      clause.name !== undefined ||
      named === undefined ||
      !ts.isNamedImports(named)
    ) {
      merged.set(`${path} ${statement.getText(source)}`, {
        bindings: new Map(),
        statement: statement.getText(source),
      });
      continue;
    }
    merged.set(path, entry);
    const all = clause.phaseModifier === ts.SyntaxKind.TypeKeyword;
    for (const element of named.elements) {
      const name =
        element.propertyName === undefined
          ? element.name.text
          : `${element.propertyName.text} as ${element.name.text}`;
      const type = all || element.isTypeOnly;
      entry.bindings.set(name, type && (entry.bindings.get(name) ?? true));
    }
  }
  const rank = (path: string): string => {
    if (path.startsWith('node:')) return `0${path}`;
    if (!path.startsWith('.')) return `1${path}`;
    const up = (path.match(/\.\.\//g) ?? []).length;
    return `2${9 - up}${path}`;
  };
  const lower = (name: string): string => name.toLowerCase();
  const lines = [...merged]
    .sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))
    .map(([path, { bindings, statement }]) => {
      if (statement !== undefined) return statement;
      const types = [...bindings.values()].every((type) => type);
      const names = [...bindings]
        .sort(([a], [b]) => (lower(a) < lower(b) ? -1 : 1))
        .map(([name, type]) => `${type && !types ? 'type ' : ''}${name}`);
      return `import ${types ? 'type ' : ''}{ ${names.join(', ')} } from '${path}';`;
    });
  const first = imports[0] as ts.ImportDeclaration;
  // comments between imports stay where they are: such a file is sorted by hand
  const last = imports.at(-1) as ts.ImportDeclaration;
  const between = text.slice(first.getStart(source), last.getEnd());
  const rest = imports.reduce((left, statement) => left.replace(statement.getText(source), ''), between);
  if (rest.trim() !== '') return text;
  return text.slice(0, first.getStart(source)) + lines.join('\n') + text.slice(last.getEnd());
}

const results = new Map<string, string>();
const newDoors = new Map<string, string>();
for (const file of files) {
  if (oldDoors.has(file)) continue;
  const before = readFileSync(file, 'utf8');
  const after = rewritten(file);
  const tidy = after === before ? after : tidied(after);
  if (tidy !== before || newPath(file) !== file) results.set(file, tidy);
}
for (const [door, exported] of doors) {
  const byFile = new Map<string, string[]>();
  for (const [name, { file, declared, isType }] of exported) {
    const list = byFile.get(file) ?? [];
    byFile.set(file, list);
    list.push(`${isType ? 'type ' : ''}${declared === name ? name : `${declared} as ${name}`}`);
  }
  const bare = (name: string): string => name.replace(/^type /, '').toLowerCase();
  const lines = [...byFile]
    .map(([file, names]) => [specifierOf(door, file), names] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, names]) => {
      const sorted = [...names].sort((a, b) => (bare(a) < bare(b) ? -1 : 1));
      const types = sorted.every((name) => name.startsWith('type '));
      return `export ${types ? 'type ' : ''}{ ${sorted.map((name) => (types ? name.slice(5) : name)).join(', ')} } from '${path}';`;
    });
  const room = relative(src, dirname(door));
  newDoors.set(door, `/** ${rooms.get(room) ?? ''} */\n${lines.join('\n')}\n`);
}
if (process.argv.includes('--dry')) {
  console.log(`${moved.size} files move, ${results.size} are written, ${doors.size} doors`);
  process.exit(0);
}
for (const door of oldDoors)
  if (!doors.has(newPath(door))) console.log(`no door any more: ${relative(root, door)}`);
const git = (...args: string[]): void => void execFileSync('git', args, { cwd: root });
for (const door of oldDoors) if (!doors.has(door)) git('rm', '-q', relative(root, door));
for (const [from, to] of moved) {
  const file = join(src, from);
  if (oldDoors.has(file)) continue;
  mkdirSync(dirname(join(src, to)), { recursive: true });
  if (from !== to) git('mv', file, join(src, to));
}
for (const [file, text] of results) {
  const to = newPath(file);
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(to, text);
}
for (const [file, text] of newDoors) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
rmSync(join(root, 'dist'), { recursive: true, force: true });
