/** What can be wrong with certificates, keys and authorities: told before a port or a fleet has been given them. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

interface Named {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** OpenSSL's reason without its codes, and never a part of the file. */
const reasonOf = (error: unknown): string =>
  (error as { reason?: string }).reason ?? (error as Error).message.split('\n', 1)[0] ?? '';

/** Node takes a text without certificates for a list of none, and then trusts nobody. @throws Error */
function checkAuthorities(pem: string): void {
  const found = pem.match(/-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END [A-Z0-9 ]+-----/g);
  if (found === null) throw new Error('there is no certificate in it');
  for (const each of found) new X509Certificate(each);
}

/**
 * Reports certificates, keys and certificate authorities (PEM) that TLS does not accept.
 * @param files contents by path
 */
export function certificateProblems(
  config: Config,
  files: ReadonlyMap<string, string>,
  mistakes: Mistakes,
): void {
  const pemOf = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : files.get(path);
  const check = (path: string, of: string, caKey: string, { cert, key, ca }: Named): void => {
    const authorities = pemOf(ca);
    const pair = { cert: pemOf(cert), key: pemOf(key) };
    try {
      if (authorities !== undefined) checkAuthorities(authorities);
    } catch (error) {
      mistakes.add(`${path}.${caKey}`, `${ca ?? ''} does not work: ${reasonOf(error)}`);
    }
    try {
      // what could not be read has been told
      if (pair.cert !== undefined && pair.key !== undefined) createSecureContext(pair);
    } catch (error) {
      mistakes.add(
        path,
        `the certificate and key of ${of} do not work: ${reasonOf(error)} (${cert ?? ''}, ${key ?? ''})`,
      );
    }
  };
  mistakes.part(() => {
    const { tls } = config.doors;
    if (tls !== undefined) check('doors.tls', 'the doors', 'clientCa', { ...tls, ca: tls.clientCa });
  });
  mistakes.part(() => {
    for (const name of Object.keys(config.fleets))
      mistakes.part(() => {
        const tls = config.fleets[name]?.tls;
        if (tls !== undefined) check(`fleets.${name}.tls`, `fleet ${name}`, 'ca', tls);
      });
  });
}
