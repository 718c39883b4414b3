/**
 * What changes servers, with the operator's permission: every backend of a fleet is told, and the answer says how
 * each did.
 */
import { Code, StatusError } from '../../base/status.ts';
import { type Call, flowOf, type Metadata, type Reply } from '../../call/index.ts';
import {
  type Chunks,
  decodeReloadConfigRequest,
  decodeReloadConfigResponse,
  decodeRepositoryChange,
  decodeSettings,
  encodeRepositoryChange,
  encodeSettings,
  joined,
  readControl,
  type V2SettingKind,
} from '../../codec/index.ts';
import { targetOf, wideFields } from '../../models/index.ts';
import { requestOf } from '../backend-call.ts';
import { BridgeMemory } from '../bridge-memory.ts';
import { fleetFor, fleetOfNoModel, fleetsFor, type FleetWideDeps, onlyOf } from './asking.ts';
import { Configurations } from './configurations.ts';
import type { WideFleet } from './fleet.ts';
import { failureOf, fieldValue, listed, tallied, Tally } from './tally.ts';

const okTrailers: Metadata = ['grpc-status', '0'];

/** A server of an API that has no such call. */
const isForeign = ({ code }: StatusError): boolean => code === Code.UNIMPLEMENTED;

interface Change {
  readonly fleets: readonly WideFleet[];
  readonly message: Chunks;
  /** What a message that came with OK says. @throws StatusError when the backend did not do it all the same */
  readonly take: (message: Uint8Array, backend: string, place: number) => void;
}

/** Tells all of them, and waits for each as long as the client does. @throws StatusError when any has failed */
async function tellEach(
  call: Call,
  rebuilt: BridgeMemory,
  { fleets, message, take }: Change,
): Promise<Tally> {
  const tally = new Tally();
  const question = {
    call,
    message,
    only: onlyOf(call),
    of: 'fleet' as const,
    timeoutMs: Number.POSITIVE_INFINITY,
    hold: rebuilt.hold,
  };
  await Promise.all(
    fleets.map(async (fleet) => {
      const placeOf = tally.nextFleet();
      await fleet.askEach(question, (answer, at) => {
        const place = placeOf(at);
        const well = tallied(tally, answer, place);
        if (well === undefined) return;
        try {
          take(joined(well.message), well.backend, place);
          tally.answered(well.backend, place);
        } catch (reason) {
          tally.failed(well.backend, place, StatusError.from(reason, well.backend));
        }
      });
    }),
  );
  const failures = tally.failures(isForeign);
  if (failures.length > 0) throw failureOf(tally.answers, failures);
  return tally;
}

function replyFor(tally: Tally, message: Uint8Array, more: Metadata = []): Reply {
  return {
    metadata: [...tally.fields([]), ...more],
    body: flowOf(message, okTrailers),
    from: listed(tally.answers),
  };
}

async function changing<T>(
  call: Call,
  { limits }: FleetWideDeps,
  use: (message: Chunks, rebuilt: BridgeMemory) => Promise<T>,
): Promise<T> {
  const rebuilt = new BridgeMemory(call.memory);
  const viewed = call.request.view();
  try {
    return await use(await requestOf(call, limits, rebuilt), rebuilt);
  } finally {
    viewed();
    rebuilt.end();
  }
}

/** A model by its public name, as its servers and its fleet know it. */
const meant = (
  name: string,
  { metadata }: Call,
  { route }: FleetWideDeps,
): ReturnType<FleetWideDeps['route']> =>
  route(targetOf({ name, signature: '' }), { metadata, purpose: 'describe' });

/** RepositoryModelLoad and RepositoryModelUnload: at every backend of the model's fleet, or of the default one. */
export function repositoryChange(call: Call, deps: FleetWideDeps): Promise<Reply> {
  return changing(call, deps, async (message, rebuilt) => {
    const change = decodeRepositoryChange(joined(message));
    if (change.model === '')
      throw new StatusError(Code.INVALID_ARGUMENT, `${call.method.name}: the request names no model`);
    const target = meant(change.model, call, deps);
    const { model } = target;
    const asked = model === change.model ? message : encodeRepositoryChange({ ...change, model });
    if (asked !== message) rebuilt.made(asked);
    const fleet = fleetFor(call, target, deps);
    try {
      const take = (): void => undefined;
      return replyFor(
        await tellEach(call, rebuilt, { fleets: [fleet], message: asked, take }),
        new Uint8Array(0),
      );
    } finally {
      // some may have done it
      fleet.changed(model);
    }
  });
}

/** HandleReloadConfigRequest: at every backend of the fleet that has the models which it names. */
export function reloadConfig(call: Call, deps: FleetWideDeps): Promise<Reply> {
  return changing(call, deps, async (message, rebuilt) => {
    const { models = [] } = decodeReloadConfigRequest(joined(message));
    const fleets = new Set(models.map(({ name }) => deps.pick(meant(name, call, deps))));
    if (fleets.size > 1 && onlyOf(call) === undefined)
      throw new StatusError(
        Code.FAILED_PRECONDITION,
        `the configuration has models of ${fleets.size} fleets, and each server would get all of them: name a backend (x-tensorgate-backend), or one fleet's models`,
      );
    const [own] = fleets;
    const fleet = own !== undefined && onlyOf(call) === undefined ? own : fleetOfNoModel(call, deps);
    let answer = new Uint8Array(0);
    const take = (said: Uint8Array, backend: string): void => {
      const { errorCode, errorMessage } = readControl(decodeReloadConfigResponse, said);
      if (errorCode !== 0)
        throw new StatusError(errorCode as Code, errorMessage, { where: backend, fromBackend: true });
      answer = Uint8Array.from(said);
    };
    try {
      return replyFor(await tellEach(call, rebuilt, { fleets: [fleet], message, take }), answer);
    } finally {
      fleet.changed(undefined);
    }
  });
}

/** TraceSetting and LogSettings: of a model at the backends of its fleet, or of all servers. */
export function settings(kind: V2SettingKind): (call: Call, deps: FleetWideDeps) => Promise<Reply> {
  return (call, deps) =>
    changing(call, deps, async (message, rebuilt) => {
      const asked = decodeSettings(kind, joined(message));
      const target = asked.model === '' ? undefined : meant(asked.model, call, deps);
      const own = target === undefined ? asked : { ...asked, model: target.model };
      const sent = own.model === asked.model ? message : [encodeSettings(kind, own)];
      const kinds = new Configurations<Uint8Array>();
      const take = (answer: Uint8Array, name: string, place: number): void => {
        const said = readControl((each) => decodeSettings(kind, each), answer);
        kinds.add(said.settings, { name, place, answer: Uint8Array.from(answer) });
      };
      const fleets = target === undefined ? fleetsFor(call, deps) : [fleetFor(call, target, deps)];
      const tally = await tellEach(call, rebuilt, { fleets, message: sent, take });
      const differences = listed(kinds.differences(), '; ');
      const fields = differences === '' ? [] : [wideFields.differs, fieldValue(differences)];
      return replyFor(tally, kinds.most?.answer ?? new Uint8Array(0), fields);
    });
}

/** Shared memory is of one machine: it is there for a fleet of one backend alone. */
export function sharedMemory(call: Call, deps: FleetWideDeps): Promise<Reply> {
  return changing(call, deps, async (message, rebuilt) => {
    const fleet = fleetOfNoModel(call, deps);
    const { length } = fleet.names;
    if (length > 1)
      throw new StatusError(
        Code.UNIMPLEMENTED,
        `${call.method.name}: shared memory is of one machine, and a call may go to any of the ${length} backends`,
      );
    let answer = new Uint8Array(0);
    const take = (said: Uint8Array): void => {
      answer = Uint8Array.from(said);
    };
    return replyFor(await tellEach(call, rebuilt, { fleets: [fleet], message, take }), answer);
  });
}
