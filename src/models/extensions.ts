/**
 * The extensions of KServe V2 that a gateway before several servers can promise: it answers as one server, any of
 * them may serve a call.
 */

/** Made and read here, whatever the server has. */
const ownExtensions: readonly string[] = ['binary_tensor_data'];

/**
 * Parameters that reach the server through either door and over either transport, and what all servers are asked
 * together. Shared memory is of one machine.
 */
const carriedExtensions: readonly string[] = [
  'classification',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'statistics',
];

/** What changes servers, and reaches all of them where that is allowed. */
const changingExtensions: readonly string[] = ['logging', 'model_repository', 'trace'];

/** @param servers what each server lists that may be asked @param allowAdmin what changes servers is passed on */
export function extensionsOfAll(
  servers: readonly (readonly string[])[],
  allowAdmin: boolean,
): readonly string[] {
  const carried = allowAdmin ? [...carriedExtensions, ...changingExtensions] : carriedExtensions;
  const shared = carried.filter(
    (name) => servers.length > 0 && servers.every((listed) => listed.includes(name)),
  );
  return [...ownExtensions, ...shared];
}
