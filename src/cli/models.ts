/** `models`: what a running gateway's fleet serves, and its health. */
import { adminUrl } from './admin-url.ts';
import { parse } from './flags.ts';
import { modelsHelp } from './help.ts';
import { type Paint, paintFor, table } from './terminal.ts';
import { CliError, exit } from './usage.ts';

interface Version {
  readonly version: string | number;
  readonly state: string;
}

interface Backend {
  readonly name: string;
  readonly up: boolean;
  readonly reason: string;
  readonly drained: boolean;
  readonly inFlight: number;
  readonly connections: number;
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly Version[];
    readonly ejected?: { readonly forMs: number; readonly reason: string };
  }[];
}

interface Fleet {
  readonly name: string;
  readonly backends: readonly Backend[];
  readonly models: readonly {
    readonly name: string;
    /** Names that clients ask for it by. */
    readonly asked?: readonly string[];
    readonly backends: number;
    readonly available: number;
    readonly versions: readonly Version[];
  }[];
}

async function read(url: string): Promise<{ readonly fleets: readonly Fleet[] }> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(`HTTP status ${answer.status}`);
    return (await answer.json()) as { fleets: Fleet[] };
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code ?? (error as Error).message;
    throw new CliError(
      exit.unavailable,
      `no gateway answers at ${url} (${cause}); name its admin door with --admin`,
    );
  }
}

function condition({ up, drained, reason }: Backend, paint: Paint): [state: string, why: string] {
  if (!up) return [paint('red', '✕ down'), reason];
  return drained ? [paint('yellow', '↓ drained'), 'an operator took it out'] : [paint('green', '✓ up'), ''];
}

/** Where a model could be and is not, and why. */
function exceptions(model: string, backends: readonly Backend[]): string {
  return backends
    .flatMap(({ name, up, drained, models }) => {
      const here = models.find((each) => each.name === model);
      if (!up || drained || here === undefined) return [];
      if (here.ejected !== undefined)
        return [`${name} ejected for ${Math.ceil(here.ejected.forMs / 1000)} s (${here.ejected.reason})`];
      const states = here.versions.filter(({ state }) => state !== 'AVAILABLE');
      return states.map(({ version, state }) => `${name} ${version} ${state.toLowerCase()}`);
    })
    .join(', ');
}

function versionText({ version, state }: Version, paint: Paint): string {
  return state === 'AVAILABLE'
    ? paint('green', `✓ ${version}`)
    : paint(state === 'END' ? 'gray' : 'yellow', `${version} ${state.toLowerCase()}`);
}

/** Its own name, and others by which clients get it where its own leads to another fleet. */
function named({ name, asked = [name] }: Fleet['models'][number], paint: Paint): string {
  const others = asked.filter((each) => each !== name);
  return others.length === 0 ? name : `${name} ${paint('gray', `(asked as ${others.join(', ')})`)}`;
}

function fleetText({ name, backends, models }: Fleet, paint: Paint): string {
  const head = (...cells: string[]): string[] => cells.map((cell) => paint('gray', cell));
  const servers = backends.map((backend) => {
    const [state, why] = condition(backend, paint);
    return [backend.name, state, String(backend.inFlight), String(backend.connections), paint('gray', why)];
  });
  const served = [...models]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((model) => [
      named(model, paint),
      model.versions.map((version) => versionText(version, paint)).join('  '),
      paint(
        model.available < backends.length ? 'yellow' : 'green',
        `${model.available} of ${backends.length}`,
      ),
      paint('gray', exceptions(model.name, backends)),
    ]);
  return [
    paint('bold', `fleet ${name}`),
    '\n',
    table([head('BACKEND', 'STATE', 'IN FLIGHT', 'CONNECTIONS'), ...servers]),
    '\n',
    served.length === 0
      ? '  no model yet: the gateway learns of them from lists of its servers, its configuration and calls\n'
      : table([head('MODEL', 'VERSIONS', 'AVAILABLE AT'), ...served]),
  ].join('');
}

/**
 * Runs `tensorgate models`: prints the fleets from the admin listener's api/fleet.
 * @returns the exit code
 * @throws CliError for wrong arguments
 */
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
  const page = await read(`${adminUrl(values.admin).href.replace(/\/+$/, '')}/api/fleet`);
  if (values.json === true) process.stdout.write(`${JSON.stringify(page, undefined, 2)}\n`);
  else {
    const paint = paintFor(process.stdout);
    process.stdout.write(page.fleets.map((fleet) => fleetText(fleet, paint)).join('\n'));
  }
  return exit.ok;
}
