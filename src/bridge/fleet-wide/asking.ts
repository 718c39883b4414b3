/** Which fleet, or which one backend of it, a question to all backends goes to. */
import type { Log } from '../../base/log.ts';
import { Code, StatusError } from '../../base/status.ts';
import { allMetadata, type Call, type ModelRef, type Reply } from '../../call/index.ts';
import type { InflateLimits } from '../../codec/index.ts';
import { backendField, type ModelView, type Router } from '../../models/index.ts';
import type { WideFleet } from './fleet.ts';
import { listed } from './tally.ts';

export interface FleetWideDeps {
  /** All of them. */
  readonly fleets: readonly WideFleet[];
  /** The fleet of a model; the default one for none. */
  readonly pick: (model: ModelRef | undefined) => WideFleet;
  readonly route: Router;
  readonly view: Pick<ModelView, 'asked'>;
  /** Of requests. */
  readonly limits: InflateLimits;
  readonly log: Log;
}

/** Answers one method's calls. */
export type WideAnswer = (call: Call, deps: FleetWideDeps) => Promise<Reply>;

/** The backend that a call is meant for; undefined for all. */
export const onlyOf = ({ metadata }: Call): string | undefined => allMetadata(metadata, backendField);

const unknownBackend = (only: string, names: readonly string[]): StatusError =>
  new StatusError(
    Code.NOT_FOUND,
    `no backend is named "${only.slice(0, 200)}" here; there are ${names.length === 0 ? 'none' : listed(names)}`,
  );

/** The fleet of a model, which has to have the backend that the call names. @throws StatusError NOT_FOUND */
export function fleetFor(call: Call, model: ModelRef, { pick }: FleetWideDeps): WideFleet {
  const fleet = pick(model);
  const only = onlyOf(call);
  if (only !== undefined && !fleet.names.includes(only)) throw unknownBackend(only, fleet.names);
  return fleet;
}

/** All fleets, or the one that has the backend which the call names. @throws StatusError NOT_FOUND */
export function fleetsFor(call: Call, { fleets }: FleetWideDeps): readonly WideFleet[] {
  const used = fleets.filter(({ isUsed }) => isUsed);
  const only = onlyOf(call);
  if (only === undefined) return used;
  const having = used.filter(({ names }) => names.includes(only));
  if (having.length === 0)
    throw unknownBackend(
      only,
      used.flatMap(({ names }) => names),
    );
  return having;
}

/** The default fleet, or the one that has the backend which the call names. @throws StatusError NOT_FOUND */
export function fleetOfNoModel(call: Call, deps: FleetWideDeps): WideFleet {
  const fallback = deps.pick(undefined);
  const only = onlyOf(call);
  if (only === undefined || fallback.names.includes(only)) return fallback;
  return fleetsFor(call, deps)[0] ?? fallback;
}
