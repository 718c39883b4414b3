/** Header fields on their way through: what is for one hop only, and what is ours to say. */
import { hopByHopFields } from '../../base/http-fields.ts';
import type { HttpFields } from '../../call/index.ts';

/** Asked and answered at the gateway, or easily forged by a client. */
const notForwarded: ReadonlySet<string> = new Set([
  'expect',
  'forwarded',
  'http2-settings',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
]);

/** Names that a Connection field declares to be for this hop. */
function namedByConnection(value: string | string[] | undefined): ReadonlySet<string> {
  return new Set(
    String(value ?? '')
      .split(',')
      .map((name) => name.trim().toLowerCase()),
  );
}

/** @param connection the Connection field, which may have been taken out of `fields` already */
function passing(
  fields: HttpFields,
  connection: string | string[] | undefined,
  isOurs: (name: string) => boolean,
): Record<string, string | string[]> {
  const named = namedByConnection(connection);
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || hopByHopFields.has(name) || named.has(name) || isOurs(name)) continue;
    kept[name] = value;
  }
  return kept;
}

/**
 * What a backend gets: the client's fields, its API key among them.
 * @param hasBody without one, what describes it is left out
 */
export function requestFields(
  fields: HttpFields,
  connection: string | string[] | undefined,
  { host, id, hasBody }: { host: string; id: string; hasBody: boolean },
): Record<string, string | string[]> {
  const kept = passing(
    fields,
    connection,
    (name) => notForwarded.has(name) || (!hasBody && (name === 'content-length' || name === 'content-type')),
  );
  return { ...kept, host, 'x-request-id': id };
}

/**
 * What a client gets: the backend's fields without its CORS answers, which browsers must hear once and from us, and
 * with redirects to the backend itself made relative: clients cannot reach its address.
 */
export function replyFields(fields: HttpFields, origin: string): Record<string, string | string[]> {
  const kept = passing(
    fields,
    fields.connection,
    (name) => name.startsWith('access-control-') || name === 'x-request-id' || name === 'x-served-by',
  );
  const { location } = kept;
  if (typeof location === 'string' && location.startsWith(`${origin}/`))
    kept.location = location.slice(origin.length);
  return kept;
}
