/** The address of an admin door as a person types it: "localhost:8001" is one. */
import { usageError } from './usage.ts';

/** @throws CliError 64 */
export function adminUrl(admin: string): URL {
  const text = /^https?:\/\//.test(admin) ? admin : `http://${admin}`;
  if (!URL.canParse(text))
    throw usageError(`--admin takes an address such as http://localhost:8001, not "${admin}"`);
  return new URL(text);
}
