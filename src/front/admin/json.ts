/** JSON for people: 64-bit numbers as strings, as protobuf JSON has them, and nothing that is a secret. */
import { hideSecrets, hideSecretsOf, isSecretName } from '../../base/secrets.ts';

/** A configuration is a few levels deep; what is deeper is not ours to show. */
const maxDepth = 20;

/** Pretty JSON with a newline; bigint becomes a string, a Map an object. */
export function toJson(value: unknown): string {
  return `${hideSecrets(JSON.stringify(value, plain, 1))}\n`;
}

/** The same in one line. */
export function compactJson(value: unknown): string {
  return hideSecrets(JSON.stringify(value, plain));
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Map ? Object.fromEntries(value as Map<string, unknown>) : value;
}

/**
 * A copy in which secret fields are "***" and URLs have lost their user, their password and parameters that are
 * secrets.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return hideSecretsOf(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (depth >= maxDepth) return '…';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  const entries = value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value);
  const { header } = value as { header?: unknown };
  // a rule that goes by an API key
  const ofHeader = typeof header === 'string' && isSecretName(header);
  return Object.fromEntries(
    entries
      .filter(([, item]) => typeof item !== 'function')
      .map(([name, item]) => [
        name,
        hides(name, item) || (ofHeader && name === 'value') ? '***' : redact(item, depth + 1),
      ]),
  );
}

/** Numbers and switches ("tokenLimit: 5") are no secrets; an empty text says that none is set. */
function hides(name: string, value: unknown): boolean {
  if (!isSecretName(name)) return false;
  return typeof value === 'object' ? value !== null : typeof value === 'string' && value !== '';
}
