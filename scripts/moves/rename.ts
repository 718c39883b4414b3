/**
 * Renames identifiers wherever the compiler finds them, in src, tests, benches and scripts, as renames.txt says.
 * `node scripts/moves/rename.ts`.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');
function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : walk(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}
const files = ['src', 'test', 'scripts', 'bench'].flatMap((folder) => walk(join(root, folder)));
const texts = new Map(files.map((file) => [file, { text: readFileSync(file, 'utf8'), version: 1 }]));
const host: ts.LanguageServiceHost = {
  getScriptFileNames: () => files,
  getScriptVersion: (file) => String(texts.get(file)?.version ?? 0),
  getScriptSnapshot: (file) => {
    const text = texts.get(file)?.text ?? ts.sys.readFile(file);
    return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
  },
  getCurrentDirectory: () => root,
  getCompilationSettings: () => ({
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    types: ['node'],
  }),
  getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
  fileExists: ts.sys.fileExists.bind(ts.sys),
  readFile: ts.sys.readFile.bind(ts.sys),
  readDirectory: ts.sys.readDirectory.bind(ts.sys),
  directoryExists: ts.sys.directoryExists.bind(ts.sys),
  getDirectories: ts.sys.getDirectories.bind(ts.sys),
};
const service = ts.createLanguageService(host);

/** Where a file declares a name, or a member of one of its declarations ("Owner.member"). */
function placeOf(file: string, path: string): number {
  const source = service.getProgram()?.getSourceFile(file);
  if (source === undefined) throw new Error(`no ${file}`);
  const [owner = '', member] = path.split('.');
  const named = (node: ts.Node, name: string): ts.Node | undefined => {
    const its = (node as { name?: ts.Node }).name;
    return its !== undefined && its.getText(source) === name ? its : undefined;
  };
  let found: number | undefined;
  const visit = (node: ts.Node, inside: boolean): void => {
    const isDeclaration =
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isVariableDeclaration(node);
    const isOwner = isDeclaration && named(node, owner) !== undefined;
    if (member === undefined && isOwner) found ??= named(node, owner)?.getStart(source);
    if (member !== undefined && inside) found ??= named(node, member)?.getStart(source);
    ts.forEachChild(node, (child) => visit(child, inside || isOwner));
  };
  visit(source, false);
  if (found === undefined) throw new Error(`${relative(root, file)} has no ${path}`);
  return found;
}

for (const line of readFileSync(join(import.meta.dirname, 'renames.txt'), 'utf8').split('\n')) {
  if (line === '' || line.startsWith('#')) continue;
  const [path, from, to] = line.split(' ') as [string, string, string];
  const file = join(root, 'src', path);
  let locations: readonly ts.RenameLocation[] | undefined;
  try {
    locations = service.findRenameLocations(file, placeOf(file, from), false, false, {});
  } catch (error) {
    console.log(`${line}: ${String(error)}`);
    continue;
  }
  if (locations === undefined) {
    console.log(`${line}: cannot be renamed`);
    continue;
  }
  const byFile = new Map<string, ts.RenameLocation[]>();
  for (const location of locations)
    byFile.set(location.fileName, [...(byFile.get(location.fileName) ?? []), location]);
  for (const [name, places] of byFile) {
    const entry = texts.get(name);
    if (entry === undefined) throw new Error(`${line}: reaches ${name}`);
    const sorted = [...places].sort((a, b) => b.textSpan.start - a.textSpan.start);
    for (const { textSpan, prefixText, suffixText } of sorted)
      entry.text = `${entry.text.slice(0, textSpan.start)}${prefixText ?? ''}${to}${suffixText ?? ''}${entry.text.slice(textSpan.start + textSpan.length)}`;
    entry.version++;
  }
  console.log(`${from} -> ${to}: ${locations.length}`);
}
for (const [file, { text }] of texts) if (readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
