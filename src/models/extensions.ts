/** The extensions of KServe V2 that a gateway before several servers can promise: it answers as one server, any of them may serve a call. */

/** Made and read here, whatever the server has. */
const ownExtensions: readonly string[] = ['binary_tensor_data'];

/**
 * Parameters that reach the server through either door and over either transport, and what all servers are asked together. Other extensions
 * are about one server (trace, logging, shared memory), or change it (model_repository).
 */
const carriedExtensions: readonly string[] = [
  'classification',
  'model_configuration',
  'parameters',
  'schedule_policy',
  'sequence',
  'statistics',
];

/** @param servers what each server lists that may be asked */
export function extensionsOfAll(servers: readonly (readonly string[])[]): readonly string[] {
  const shared = carriedExtensions.filter(
    (name) => servers.length > 0 && servers.every((listed) => listed.includes(name)),
  );
  return [...ownExtensions, ...shared];
}
