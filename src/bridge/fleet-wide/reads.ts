/** Triton's statistics and model configuration, asked of every backend that has the model. */
import { Code, StatusError } from '../../base/status.ts';
import { type Call, flowOf, type Metadata, type Reply } from '../../call/index.ts';
import {
  type Chunks,
  chunksLength,
  encodeModelStatisticsResponse,
  exactJsonText,
  type ExactObject,
  isList,
  isObject,
  joined,
  modelConfigJson,
  modelStatisticsJson,
  notTaken,
  readControl,
  readExactObject,
} from '../../codec/index.ts';
import { isExtension, wideFields } from '../../models/index.ts';
import { answerMetadata, requestOf } from '../backend-call.ts';
import { BridgeMemory } from '../bridge-memory.ts';
import { fleetFor, fleetsFor, type FleetWideDeps, onlyOf } from './asking.ts';
import { Configurations } from './configurations.ts';
import type { BackendAnswer, WideFleet } from './fleet.ts';
import { renamedStatistics, sortedStatistics, sumOfStatistics } from './statistics.ts';
import { fieldValue, listed, sharedFailureOf, tallied, Tally } from './tally.ts';

/** A question is a name and a version, in bytes. */
const maxQuestionBytes = 65_536;

type Well = Extract<BackendAnswer, { error: undefined }>;
const okTrailers: Metadata = ['grpc-status', '0'];

/** It has not loaded the model, or knows no such version. */
const isMissing = ({ code, fromBackend }: StatusError): boolean => code === Code.NOT_FOUND && fromBackend;

/** What a message says, whichever door it is for. @throws OutOfBounds */
function read(call: Call, pieces: Chunks, json: (message: Uint8Array) => string): ExactObject {
  const message = joined(pieces);
  if (isExtension(call.method)) return readExactObject(message);
  return readExactObject(Buffer.from(readControl(json, message)));
}

interface Reading {
  readonly call: Call;
  readonly message: Chunks;
  readonly rebuilt: BridgeMemory;
  readonly tally: Tally;
}

/**
 * Asks the backends of a fleet.
 * @param take gives whether it keeps the message; what it throws is the backend's failure
 */
async function readEach(
  fleet: WideFleet,
  { call, message, rebuilt, tally }: Reading,
  take: (answer: Well, place: number) => boolean,
): Promise<void> {
  const placeOf = tally.nextFleet();
  const question = {
    call,
    message,
    only: onlyOf(call),
    of: call.target === undefined ? ('fleet' as const) : ('model' as const),
    timeoutMs: fleet.askMs,
    hold: rebuilt.hold,
  };
  await fleet.askEach(question, (answer, at) => {
    const place = placeOf(at);
    const well = tallied(tally, answer, place);
    if (well === undefined) return;
    try {
      if (!take(well, place)) rebuilt.hold(-chunksLength(well.message));
      tally.answered(well.backend, place);
    } catch (reason) {
      tally.failed(well.backend, place, notTaken(reason));
    }
  });
}

/** The answer of one backend as it came, or what was made of those of several. */
function replyFor(tally: Tally, message: Chunks, one: Well | undefined, more: Metadata = []): Reply {
  const fields = [...tally.fields(tally.failures(isMissing)), ...more];
  const metadata = one === undefined ? fields : [...withoutOwn(answerMetadata(one.metadata)), ...fields];
  return { metadata, body: flowOf(message, okTrailers), from: listed(tally.answers) };
}

/** A backend does not speak for others. */
function withoutOwn(metadata: Metadata): Metadata {
  const own: readonly string[] = Object.values(wideFields);
  return metadata.filter((_, i) => !own.includes(metadata[i - (i % 2)] as string));
}

async function reading<T>(
  call: Call,
  deps: FleetWideDeps,
  use: (reading: Reading) => Promise<T>,
): Promise<T> {
  const rebuilt = new BridgeMemory(call.memory);
  const viewed = call.request.view();
  try {
    const message = await requestOf(call, { ...deps.limits, maxMessageBytes: maxQuestionBytes }, rebuilt);
    return await use({ call, message, rebuilt, tally: new Tally() });
  } finally {
    viewed();
    rebuilt.end();
  }
}

const namesIn = ({ model_stats: models }: ExactObject): readonly unknown[] =>
  isList(models) ? models.map((entry) => (isObject(entry) ? entry.name : undefined)) : [];

/** Summed over the backends; of all models, where the call names none, by the names that clients ask by. */
export function statistics(call: Call, deps: FleetWideDeps): Promise<Reply> {
  return reading(call, deps, async (asked) => {
    const { target } = call;
    const { tally } = asked;
    const fleets = target === undefined ? fleetsFor(call, deps) : [fleetFor(call, target, deps)];
    let sum: ExactObject | undefined;
    // as it came, where it is the only one and nothing has another name
    let only: Well | undefined;
    const askOne = async (fleet: WideFleet): Promise<void> => {
      await readEach(fleet, asked, (answer) => {
        const own = read(call, answer.message, modelStatisticsJson);
        // amounts that are none would spoil those of others
        if (isExtension(call.method)) encodeModelStatisticsResponse(own);
        const namesOf = (model: string): readonly string[] =>
          deps.view.asked({ fleet: fleet.ofModels, model });
        const named = target === undefined ? renamedStatistics(own, namesOf) : own;
        const isSame = String(namesIn(named)) === String(namesIn(own));
        only = sum === undefined && isSame ? answer : undefined;
        sum = sumOfStatistics(sum, named);
        return false;
      });
    };
    const done = await Promise.allSettled(fleets.map(askOne));
    if (sum === undefined) {
      const failures = tally.failures(isMissing);
      const thrown = done.find(({ status }) => status === 'rejected');
      if (failures.length === 0 && thrown?.status === 'rejected') throw thrown.reason;
      throw sharedFailureOf(failures);
    }
    // the client has left, or there is no memory
    if (call.cancellation.reason !== undefined) throw call.cancellation.reason;
    if (only !== undefined) return replyFor(tally, only.message, only);
    const sorted = sortedStatistics(sum);
    const made = isExtension(call.method)
      ? Buffer.from(exactJsonText(sorted))
      : encodeModelStatisticsResponse(sorted);
    return replyFor(tally, [made], undefined);
  });
}

/** Models whose differences have been told, with what was told. */
const maxTold = 1000;

/** What most backends have; where others have another one, the client and the log are told. */
export function configuration(): (call: Call, deps: FleetWideDeps) => Promise<Reply> {
  const told = new Map<string, string>();
  function tell(key: string, text: string, log: () => void): void {
    if (told.get(key) === text || (text === '' && !told.has(key))) return;
    told.delete(key);
    if (text === '') return;
    if (told.size >= maxTold) told.delete(told.keys().next().value as string);
    told.set(key, text);
    log();
  }
  return (call, deps) =>
    reading(call, deps, async (asked) => {
      const { target } = call;
      if (target === undefined)
        throw new StatusError(
          Code.INVALID_ARGUMENT,
          `${call.method.name} is about a model, and none is named`,
        );
      const { tally } = asked;
      const kinds = new Configurations<Well>();
      await readEach(fleetFor(call, target, deps), asked, (answer, place) => {
        const config = read(call, answer.message, modelConfigJson);
        return kinds.add(config, { name: answer.backend, place, answer });
      });
      const { most } = kinds;
      if (most === undefined) throw sharedFailureOf(tally.failures(isMissing));
      const { model, fleet = '' } = target;
      const differences = listed(kinds.differences(), '; ');
      const isWhole =
        onlyOf(call) === undefined && target.version === undefined && target.label === undefined;
      if (isWhole)
        tell(`${fleet}\0${model}`, differences, () => {
          deps.log.warn(
            { model, differences },
            "a model's configuration is not the same at all of its backends",
          );
        });
      const fields = differences === '' ? [] : [wideFields.differs, fieldValue(differences)];
      const reply = replyFor(tally, most.answer.message, most.answer, fields);
      return { ...reply, from: listed(most.backends) };
    });
}
