/** The part of ARCHITECTURE.md that is made from the walls: the rooms, what each is, and which others it may import. */
import { existsSync, readFileSync } from 'node:fs';
import { rooms, subRooms } from '../rooms.ts';

const src = new URL('../../src/', import.meta.url);
const architecture = new URL('../../ARCHITECTURE.md', import.meta.url);
const begin = '<!-- made by scripts/docs/rooms.ts from scripts/rooms.ts: begin -->';
const end = '<!-- end -->';

/** Rooms that have no door to open with a sentence. */
const own: Readonly<Record<string, string>> = {
  base: 'The ground floor: statuses, clocks, bytes, the guard of events. It imports nothing, and every room may import its files.',
  cli: 'The commands: `serve`, `demo`, `check`, `models`, `health`.',
  dashboard:
    'A page for people, which the admin door serves: plain modules that speak to the gateway over HTTP and gRPC-Web.',
  'fleet/balance': 'The choice between backends: policies, outlier detection, concurrency limits.',
  'fleet/connection': 'How a backend is reached: connections, transports, and what API it speaks.',
  'fleet/health': 'Health checks: probes of models and of backends as a whole, and warm-up.',
  'fleet/http': 'Fleets of servers that get HTTP as it is.',
  'fleet/routing': 'Which backend a call goes to: routing tables, capacity, sequences.',
};

/** What a room is, from the first line of its door. @throws Error for a room that does not say it */
function sentence(room: string): string {
  const door = new URL(`${room}/index.ts`, src);
  const opening = existsSync(door)
    ? /^\/\*\*([\s\S]+?)\*\//.exec(readFileSync(door, 'utf8'))?.[1]
    : undefined;
  const said = own[room] ?? opening?.replace(/\n \*/g, ' ').replace(/\s+/g, ' ').trim();
  if (said === undefined) throw new Error(`src/${room}/index.ts does not begin with a sentence`);
  return said;
}

const list = (names: readonly string[]): string => names.map((name) => `\`${name}/\``).join(' ');

/** A room's place above those that it may import. */
const levels = new Map<string, number>();
function level(room: string): number {
  const known = levels.get(room);
  if (known !== undefined) return known;
  const found = 1 + Math.max(0, ...(rooms[room] ?? []).map(level));
  levels.set(room, found);
  return found;
}

const sorted = Object.keys(rooms).sort((a, b) => level(b) - level(a));
/** Arrows that no other way of arrows says already. */
const arrows = sorted.flatMap((room) => {
  const direct = rooms[room] ?? [];
  const reach = (from: string): readonly string[] =>
    (rooms[from] ?? []).flatMap((next) => [next, ...reach(next)]);
  return direct
    .filter((to) => !direct.some((other) => other !== to && reach(other).includes(to)))
    .map((to) => `  ${room} --> ${to}`);
});
const rows = [...sorted, 'base'].flatMap((room) => {
  const inner = Object.keys(subRooms).filter((name) => name.startsWith(`${room}/`));
  const may = room === 'base' ? '' : list(rooms[room] ?? []);
  return [
    `| \`${room}/\` | ${sentence(room)} | ${may} |`,
    ...inner.map((name) => `| \`${name}/\` | ${sentence(name)} | ${list(subRooms[name] ?? [])} |`),
  ];
});

const made = `${begin}

\`\`\`mermaid
graph TD
${arrows.join('\n')}
\`\`\`

| room | what it is | rooms that it may import, besides \`base/\`; of a sub-room: the others of its room |
| --- | --- | --- |
${rows.join('\n')}

${end}`;

const text = readFileSync(architecture, 'utf8');
const from = text.indexOf(begin);
const to = text.indexOf(end);
if (from < 0 || to < from) throw new Error('ARCHITECTURE.md has lost the marks of what is made in it');
export const architecturePage = text.slice(0, from) + made + text.slice(to + end.length);
