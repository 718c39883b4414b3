/** Certificates for tests: an authority of a test's own, and what it signs for this machine. */
import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './process.ts';

async function openssl(...args: string[]): Promise<void> {
  const { code, stderr } = await run('openssl', args);
  assert.equal(code, 0, stderr);
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/**
 * Makes ca.pem, and NAME.pem with NAME.key for each name, valid for localhost and 127.0.0.1; a name that begins with
 * "expired" is valid until yesterday.
 * @returns the path of such a file
 */
export async function makeCertificates(...names: string[]): Promise<(name: string) => string> {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-tls-'));
  const file = (name: string): string => join(folder, name);
  const days = ['-days', '2'];
  const authority = ['-keyout', file('ca.key'), '-out', file('ca.pem')];
  await openssl('req', '-x509', ...newKey, ...days, '-subj', '/CN=test ca', ...authority);
  for (const name of names) {
    const request = file(`${name}.csr`);
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    await openssl('req', ...newKey, ...subject, '-keyout', file(`${name}.key`), '-out', request);
    const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'];
    const copy = ['-copy_extensions', 'copy', '-out', file(`${name}.pem`)];
    const valid = name.startsWith('expired') ? ['-days', '-1'] : days;
    await openssl('x509', '-req', '-in', request, ...signer, ...valid, ...copy);
  }
  return file;
}
