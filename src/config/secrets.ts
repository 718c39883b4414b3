/** Which values of a configuration are secrets: learnt when it is read, so that nothing that is told later has them. */
import { isSecretName, learnSecret, learnSecretsOf } from '../base/secrets.ts';

/** @param name the key that the value stands at; list items have that of their list */
export function learnSecretsIn(value: unknown, name = ''): void {
  if (typeof value === 'string') {
    if (isSecretName(name)) learnSecret(value);
    learnSecretsOf(value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) learnSecretsIn(item, name);
    return;
  }
  const { header, value: ofHeader } = value as { header?: unknown; value?: unknown };
  // a rule that goes by an API key
  if (typeof header === 'string' && typeof ofHeader === 'string' && isSecretName(header))
    learnSecret(ofHeader);
  for (const [key, inner] of Object.entries(value)) learnSecretsIn(inner, key);
}
