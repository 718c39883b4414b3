/** A server's list of its models, as V2's repository extension has it, in protobuf and in JSON. */
import { Code, StatusError } from '../base/status.ts';
import { checkCount, checkedName, OutOfBounds } from './control.ts';
import type { V2ModelIndex } from './v2.ts';

/** Of a reason that is kept and shown, in characters: servers quote whole tracebacks. */
const maxReasonLength = 4096;
/** MLServer's gRPC end writes its enumeration's name before each state. */
const statePrefix = 'State.';

/** One entry as it is kept. @throws OutOfBounds */
export function listedModel({ name, version, state, reason }: V2ModelIndex): V2ModelIndex {
  return {
    name: checkedName(name),
    version: checkedName(version),
    state: checkedName(state.startsWith(statePrefix) ? state.slice(statePrefix.length) : state),
    reason: reason.slice(0, maxReasonLength),
  };
}

const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What a REST server answers; members that are null are not set. @throws OutOfBounds, also for what is no list */
export function repositoryIndexIn(json: unknown): V2ModelIndex[] {
  if (!Array.isArray(json)) throw new OutOfBounds('it is no list of models');
  return (json as readonly unknown[]).map((entry, i) => {
    checkCount(i, 'models');
    const { name, version, state, reason } = (entry ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof name !== 'string') throw new OutOfBounds('a model without a name');
    return listedModel({ name, version: textIn(version), state: textIn(state), reason: textIn(reason) });
  });
}

/**
 * What a REST client asks with; no body at all means the whole list, as in Triton.
 * @throws StatusError INVALID_ARGUMENT
 */
export function repositoryIndexAsked(text: string): { onlyReady: boolean } {
  if (text.trim() === '') return { onlyReady: false };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new StatusError(Code.INVALID_ARGUMENT, 'the request for the repository index is no valid JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new StatusError(
      Code.INVALID_ARGUMENT,
      'the request for the repository index must be a JSON object',
    );
  const { ready } = json as { ready?: unknown };
  if (ready !== undefined && ready !== null && typeof ready !== 'boolean')
    throw new StatusError(Code.INVALID_ARGUMENT, '"ready" must be true or false');
  return { onlyReady: ready === true };
}

/** The list as REST clients read it: what is not set is left out, as in Triton. */
export function repositoryIndexJson(models: readonly V2ModelIndex[]): object[] {
  return models.map(({ name, version, state, reason }) => ({
    name,
    ...(version === '' ? {} : { version }),
    ...(state === '' ? {} : { state }),
    ...(reason === '' ? {} : { reason }),
  }));
}
