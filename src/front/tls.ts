/** What a TLS port shows its clients, and how it is exchanged while connections are open. */
import { createSecureContext, type SecureContextOptions, type Server, type TlsOptions } from 'node:tls';

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

/** New connections get the new certificate; those that are open go on. */
export function renewCertificates(server: Server, certificates: Certificates): void {
  server.setSecureContext(contextOf(certificates));
}
