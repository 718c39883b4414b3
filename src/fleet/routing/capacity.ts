/** Room for one more call: whether there is any, and a choice that keeps to it. */
import type { Target } from '../../call/index.ts';
import type { Picker, PickRequest } from '../balance/picker.ts';
import type { Host, Replica } from '../balance/replica.ts';
import { ableOf, type ModelRoutes } from './routing-table.ts';

export interface HasCapacity extends Host {
  /** It takes one more call. */
  readonly hasCapacity: boolean;
  /** It takes one more stream. */
  readonly hasStreamRoom: boolean;
  /** A call would not have to wait until a connection is made. */
  readonly connected: boolean;
}

/**
 * Whether a backend that could answer has capacity for one more call now, or one more stream. No backend at all is
 * a different error (UNAVAILABLE), and not this check's.
 */
export function hasCapacityFor(
  target: Target | undefined,
  routes: ModelRoutes | undefined,
  streaming = false,
): boolean {
  const able = target && routes && ableOf(routes, target);
  return able === undefined || hasCapacityAmong(able, streaming);
}

/** The same, of those among whom is picked. */
export function hasCapacityAmong(
  able: readonly { readonly host: HasCapacity }[],
  streaming: boolean,
): boolean {
  const { hasCapacityNow } = streaming ? forStreams : forCalls;
  return able.length === 0 || able.some(({ host }) => hasCapacityNow(host));
}

/** What a host must be, for a call and for a stream. */
const forCalls = {
  hasCapacityNow: ({ hasCapacity }: HasCapacity): boolean => hasCapacity,
  isReady: ({ hasCapacity, connected }: HasCapacity): boolean => hasCapacity && connected,
};
const forStreams = {
  hasCapacityNow: ({ hasStreamRoom }: HasCapacity): boolean => hasStreamRoom,
  isReady: ({ hasStreamRoom, connected }: HasCapacity): boolean => hasStreamRoom && connected,
};

/**
 * Prefers a connected backend with capacity, then any with capacity, then the picker's choice; undefined where the
 * caller wants none without capacity.
 */
export function pickWithCapacity<H extends HasCapacity>(
  picker: Picker<Replica<H>> | undefined,
  request: PickRequest,
  members: readonly H[],
  orNobody: boolean,
  streaming = false,
): Replica<H> | undefined {
  const { hasCapacityNow, isReady } = streaming ? forStreams : forCalls;
  const picked = picker?.pick(request);
  if (picker === undefined || picked === undefined || isReady(picked.host)) return picked;
  const { avoid = [] } = request;
  const ready = pickAmong(picker, request, members, isReady);
  // whom the call should not go to again is worse than one that is not ready
  if (ready !== undefined && !avoid.includes(ready.name)) return ready;
  if (hasCapacityNow(picked.host)) return picked;
  return pickAmong(picker, request, members, hasCapacityNow) ?? (orNobody ? undefined : picked);
}

function pickAmong<H extends HasCapacity>(
  picker: Picker<Replica<H>>,
  request: PickRequest,
  members: readonly H[],
  suits: (host: H) => boolean,
): Replica<H> | undefined {
  const others = members.filter((member) => !suits(member)).map(({ name }) => name);
  // each pick takes a turn
  if (others.length === members.length) return undefined;
  const found = picker.pick({ ...request, avoid: [...(request.avoid ?? []), ...others] });
  return found !== undefined && suits(found.host) ? found : undefined;
}
