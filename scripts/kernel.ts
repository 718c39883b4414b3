/**
 * Compiles assembly/ into the module that src/codec/json/kernel embeds. `npm run kernel`; with --check it only says
 * whether the module is the one that the sources make.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'src/codec/json/kernel/generated/module.ts');
const options = '-O3 --runtime stub --enable simd --noAssert'.split(' ');

const folder = mkdtempSync(join(tmpdir(), 'tensorgate-kernel-'));
let text: string;
try {
  const binary = join(folder, 'module.wasm');
  const compiler = join(root, 'node_modules/assemblyscript/bin/asc.js');
  execFileSync(process.execPath, [compiler, 'assembly/index.ts', ...options, '-o', binary], {
    cwd: root,
    stdio: 'inherit',
  });
  text = `/** WebAssembly, compiled from assembly/ by scripts/kernel.ts. */
export const moduleBase64 =
  '${readFileSync(binary).toString('base64')}';
`;
} finally {
  rmSync(folder, { recursive: true });
}
if (!process.argv.includes('--check')) writeFileSync(target, text);
else if (readFileSync(target, 'utf8') !== text) {
  console.error(
    'src/codec/json/kernel/generated/module.ts is not what assembly/ compiles to: npm run kernel',
  );
  process.exitCode = 1;
}
