/** Room for one more call: whether there is any, and a choice that keeps to it. */
import type { Target } from '../call/index.ts';
import type { Backend } from './backend.ts';
import type { Picker, PickRequest } from './balance/picker.ts';
import type { Replica } from './balance/replica.ts';
import type { ModelRoutes } from './routing-table.ts';

/** Whether a backend that could answer takes one more call now; nobody at all is another trouble than no room. */
export function hasRoomFor(target: Target | undefined, routes: ModelRoutes | undefined): boolean {
  const version = target?.version;
  const able = version === undefined ? routes?.unversioned : routes?.versions.get(version);
  return able === undefined || able.length === 0 || able.some(({ host }) => host.hasRoom);
}

/** One that has room, as long as any has; else whom the picker chooses, or nobody. */
export function pickWithRoom(
  picker: Picker<Replica<Backend>> | undefined,
  request: PickRequest,
  members: readonly Backend[],
  orNobody: boolean,
): Replica<Backend> | undefined {
  const picked = picker?.pick(request);
  if (picked?.host.hasRoom !== false) return picked;
  const full = members.filter(({ hasRoom }) => !hasRoom).map(({ name }) => name);
  const other = picker?.pick({ ...request, avoid: [...(request.avoid ?? []), ...full] });
  if (other?.host.hasRoom === true) return other;
  return orNobody ? undefined : picked;
}
