/** Header fields that are for one hop only, as one set: what a door adds to it, it says with its reason. */

/** Fields that say how an HTTP/1.1 connection is used; in HTTP/2 they are malformed (RFC 9113 §8.2.2). */
export const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Fields that no intermediary passes on: the connection's own (RFC 9110 §7.6.1), TE and Trailer, which are about this
 * hop's message, and the credentials that a client and the next proxy exchange (§11.7), which are no backend's to
 * see.
 */
export const hopByHopFields: ReadonlySet<string> = new Set([
  ...connectionFields,
  'te',
  'trailer',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
]);
