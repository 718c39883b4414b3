/** `models`: what a running gateway's fleet serves, and its health. */
import { parse } from './flags.ts';
import { modelsHelp } from './help.ts';
import { CliError, exit } from './usage.ts';

interface FleetPage {
  readonly fleets: readonly {
    readonly name: string;
    readonly backends: readonly {
      readonly name: string;
      readonly up: boolean;
      readonly reason: string;
      readonly inFlight: number;
    }[];
    readonly models: readonly {
      readonly name: string;
      readonly backends: number;
      readonly available: number;
      readonly versions: readonly { readonly version: string | number; readonly state: string }[];
    }[];
  }[];
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

export async function models(args: readonly string[]): Promise<number> {
  const { values } = parse(args, {
    admin: { type: 'string', default: 'http://127.0.0.1:8001' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help === true) {
    process.stdout.write(modelsHelp);
    return exit.ok;
  }
  const url = `${String(values.admin).replace(/\/$/, '')}/api/fleet`;
  let page: FleetPage;
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
    page = (await answer.json()) as FleetPage;
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
    throw new CliError(
      exit.unavailable,
      `no gateway answers at ${url} (${cause}); name its admin door with --admin`,
    );
  }
  if (values.json === true) {
    process.stdout.write(`${JSON.stringify(page, undefined, 2)}\n`);
    return exit.ok;
  }
  for (const fleet of page.fleets) {
    process.stdout.write(`fleet ${fleet.name}\n`);
    const backends = fleet.backends.map(({ name, up, reason, inFlight }) => [
      `  ${name}`,
      up ? 'up' : 'down',
      String(inFlight),
      reason,
    ]);
    process.stdout.write(table([['  BACKEND', 'STATE', 'IN FLIGHT', ''], ...backends]));
    const rows = fleet.models.map(({ name, versions, available, backends: of }) => [
      `  ${name}`,
      versions.map(({ version, state }) => `${version} ${state}`).join(', '),
      `${available} of ${of}`,
    ]);
    process.stdout.write(table([['  MODEL', 'VERSIONS', 'AVAILABLE AT'], ...rows]));
  }
  return exit.ok;
}
