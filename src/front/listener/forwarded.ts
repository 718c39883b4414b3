/** Who a request is from, as proxies in front say it: X-Forwarded-For, or Forwarded (RFC 7239). */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { addressOf, ipOf } from '../../base/addresses.ts';
import { allMetadata, type Metadata } from '../../call/index.ts';

export interface ForwardedOptions {
  /** For addresses of proxies in front. */
  readonly isTrusted: (address: string) => boolean;
  /** The field that they write; absent: none, or there is no proxy. What clients write into others means nothing. */
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded' | undefined;
}

/** Proxies in a row; what lies behind so many is not looked for. */
const maxHops = 32;

interface Node {
  readonly address: string;
  /** "0" where it is not said, or hidden. */
  readonly port: string;
}

/** An address as proxies write it: with or without a port, IPv6 with brackets where there is one (RFC 7239 §6). */
function nodeOf(text: string): Node | undefined {
  const bracketed = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i.exec(text) ?? /^([0-9.]+):(\d{1,5})$/.exec(text);
  const address = ipOf(bracketed?.[1] ?? text);
  if (isIP(address) === 0 || address.includes('%')) return undefined;
  return { address, port: bracketed?.[2] ?? '0' };
}

/** `for` of one element of Forwarded: for=192.0.2.60;proto=http, for="[2001:db8::1]:4711". */
function forOf(element: string): Node | undefined {
  const match = /(?:^|;)[ \t]*for[ \t]*=[ \t]*(?:"([^"]*)"|([^";,\s]*))[ \t]*(?:;|$)/i.exec(element);
  const text = match?.[1] ?? match?.[2];
  return text === undefined ? undefined : nodeOf(text);
}

/**
 * Where the last element of a list begins: behind a comma that stands in no quotes. From the right, since what stands
 * there was written by whoever is trusted most, and a quote that a client has opened changes nothing of it.
 */
function lastElement(list: string, end: number): number {
  let quoted = false;
  for (let at = end - 1; at >= 0; at--) {
    const code = list.charCodeAt(at);
    if (code === 34 /* " */) quoted = !quoted;
    else if (code === 44 /* , */ && !quoted) return at + 1;
  }
  return 0;
}

/** The client's "address:port" behind proxies that are trusted; the connection's own where it is not said. */
export type PeerBehind = (forwarded: string | undefined, connection: string) => string;

/** Undefined where nobody is trusted to say it. */
export function createPeerBehind({ isTrusted, forwardedHeader }: ForwardedOptions): PeerBehind | undefined {
  if (forwardedHeader === undefined) return undefined;
  const read = forwardedHeader === 'forwarded' ? forOf : nodeOf;
  // one connection has many requests
  let newest = '';
  let newestIsTrusted = false;
  return (forwarded, connection) => {
    if (connection !== newest) {
      newest = connection;
      newestIsTrusted = isTrusted(addressOf(connection));
    }
    if (!newestIsTrusted || forwarded === undefined) return connection;
    let peer = connection;
    let end = forwarded.length;
    for (let hop = 0; hop < maxHops && end >= 0; hop++) {
      const start = lastElement(forwarded, end);
      const node = read(forwarded.slice(start, end).trim());
      // hidden, or nonsense: it was the proxy that is known last
      if (node === undefined) break;
      peer = `${node.address}:${node.port}`;
      if (!isTrusted(node.address)) break;
      end = start - 1;
    }
    return peer;
  };
}

type Header = Pick<ForwardedOptions, 'forwardedHeader'>;

/** The same for the fields of a request. */
export function peerOfFields(
  behind: PeerBehind,
  { forwardedHeader = 'x-forwarded-for' }: Header,
  fields: Metadata,
  connection: string,
): string {
  return behind(allMetadata(fields, forwardedHeader), connection);
}

/** The same for a request at node:http. */
export function peerOfRequest(
  behind: PeerBehind,
  { forwardedHeader = 'x-forwarded-for' }: Header,
  { headers }: IncomingMessage,
  connection: string,
): string {
  return behind(headers[forwardedHeader]?.toString(), connection);
}
