/** Preloaded by scripts/test-unit.sh: what starts a program is no unit test, and would miss the program elsewhere. */
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

const names = ['exec', 'execFile', 'execFileSync', 'execSync', 'fork', 'spawn', 'spawnSync'] as const;
for (const name of names) {
  const refuse = (file: unknown): never => {
    throw new Error(`a unit test starts no program, not even ${String(file)}: see scripts/unit-files.ts`);
  };
  Object.assign(childProcess, { [name]: refuse });
}
syncBuiltinESMExports();
