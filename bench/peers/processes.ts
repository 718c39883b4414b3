/** CPU time and resident memory of a process and all its descendants, as /proc counts them (Linux). */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second (USER_HZ), whatever the kernel's own tick is. */
const tickUs = 10_000;
/** What statm counts in, on the machines that this runs on. */
const pageKib = 4;

/**
 * User and system time of all threads of a process, those that have ended included, in µs: fields 14 and 15 of
 * /proc/PID/stat (proc_pid_stat(5)). The second field, the program's name, may have blanks and parentheses itself.
 * @throws Error for text that is not such a line
 */
export function cpuUsOf(stat: string): number {
  // the first field behind the name is the third of the line
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!stat.includes(')') || !Number.isSafeInteger(ticks))
    throw new Error(`no line of /proc/PID/stat: ${stat}`);
  return ticks * tickUs;
}

/**
 * Resident memory in KiB: the second field of /proc/PID/statm, in pages.
 * @throws Error for text that is not such a line
 */
export function residentKibOf(statm: string): number {
  const pages = Number(statm.split(' ')[1]);
  if (!Number.isSafeInteger(pages)) throw new Error(`no line of /proc/PID/statm: ${statm}`);
  return pages * pageKib;
}

/** Undefined when the process has ended meanwhile. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function treeOf(pid: number): number[] {
  let threads: string[];
  try {
    threads = readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
  const children = threads.flatMap((thread) =>
    (read(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter((text) => text.trim() !== ''),
  );
  return [pid, ...children.flatMap((child) => treeOf(Number(child)))];
}

function sum(pid: number, file: string, of: (text: string) => number): number {
  let total = 0;
  for (const each of new Set(treeOf(pid))) {
    const text = read(`/proc/${each}/${file}`);
    if (text !== undefined) total += of(text);
  }
  return total;
}

/** µs of CPU that a process and its descendants have taken so far. */
export const cpuUs = (pid: number): number => sum(pid, 'stat', cpuUsOf);

/** KiB that a process and its descendants have resident; pages that they share are counted in each. */
export const residentKib = (pid: number): number => sum(pid, 'statm', residentKibOf);
