/** What a TLS port shows its clients, and how it is exchanged while connections are open. */
import { X509Certificate } from 'node:crypto';
import tls, { createSecureContext, type SecureContextOptions, type TlsOptions } from 'node:tls';

/**
 * A TLS 1.2 client may not shake hands anew on an open connection: each time costs a signature, no client needs it,
 * and HTTP/2 forbids it (RFC 9113 §9.2.1). Node has one limit for the whole process, three in ten minutes by default,
 * and tells by an 'error' of the socket that it is exceeded; the connection is then cut by whoever hears it.
 */
(tls as { CLIENT_RENEG_LIMIT: number }).CLIENT_RENEG_LIMIT = 0;

/** PEM texts. A client CA makes client certificates compulsory. */
export interface Certificates {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string;
}

const contextOf = ({ cert, key, clientCa }: Certificates): SecureContextOptions => ({
  cert,
  key,
  minVersion: 'TLSv1.2',
  ...(clientCa === undefined ? {} : { ca: clientCa }),
});

/**
 * Options of a TLS server: TLS 1.2 or later, ALPN with h2 and http/1.1, and mandatory client certificates where there
 * is a client CA.
 */
export function tlsOptions(certificates: Certificates): TlsOptions {
  return {
    ...contextOf(certificates),
    ALPNProtocols: ['h2', 'http/1.1'],
    ...(certificates.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
  };
}

/** @throws Error when a text is no certificate, or the key belongs to another one */
export function checkCertificates(certificates: Certificates): void {
  try {
    createSecureContext(contextOf(certificates));
  } catch (error) {
    throw new Error(`the certificate and key of the doors do not work: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Who may connect, as a text to compare: everybody in plain text, everybody over TLS, or whom these authorities vouch
 * for.
 */
export function trustOf(certificates: Certificates | undefined): string {
  return certificates === undefined ? 'plain' : `tls ${certificates.clientCa ?? ''}`;
}

/** When the certificate that clients are shown expires, in seconds since 1970. @throws Error for a text that is none */
export function notAfterOf({ cert }: Certificates): number {
  // of a chain, the first one is the door's own
  return new X509Certificate(cert).validToDate.getTime() / 1000;
}
