/** Where an HTTP/1.1 request is meant to go: the forms of its target, and what may stand in Host (RFC 9112 §3.2). */

/** A name or an address and a port (RFC 3986 §3.2.2), or nothing: no user, no blanks, nothing that begins a path. */
const hostValue = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9\-._~!$&'()*+,;=%]*)(?::[0-9]{0,5})?$/;
const absoluteForm = /^https?:\/\/([^/?#]+)([/?][!-~]*)?$/i;

export interface AbsoluteTarget {
  /** Stands in place of the Host field, whatever that says (RFC 9112 §3.2.2). */
  readonly authority: string;
  /** With the query; "*" for OPTIONS without a path (RFC 9112 §3.2.4). */
  readonly path: string;
}

export const isHostValue = (value: string): boolean => hostValue.test(value);

/** What clients with a proxy set send; undefined for another form, or an authority that Host could not have either. */
export function readAbsoluteTarget(target: string, method: string): AbsoluteTarget | undefined {
  const match = absoluteForm.exec(target);
  if (match === null) return undefined;
  const [, authority = '', rest = ''] = match;
  // a URI of http must name a host (RFC 9110 §4.2.1)
  if (!isHostValue(authority) || authority.startsWith(':')) return undefined;
  if (rest === '') return { authority, path: method === 'OPTIONS' ? '*' : '/' };
  return { authority, path: rest.startsWith('/') ? rest : `/${rest}` };
}
