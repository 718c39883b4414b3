/** A certificate that nobody has signed, for TLS on loopback. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../support/index.ts';

/** Files for the gateway's flags. @throws Error with what openssl says */
export async function selfSigned(): Promise<{ tlsCert: string; tlsKey: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-certificate-'));
  const [tlsCert, tlsKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const { code, stderr } = await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', tlsKey, '-out', tlsCert],
  ]);
  if (code !== 0) throw new Error(stderr);
  return { tlsCert, tlsKey };
}
