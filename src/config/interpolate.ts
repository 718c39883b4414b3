/** ${NAME} and ${NAME:-default} in a configuration's strings, from the environment that is given. */
import { isSecretName, learnSecret } from '../base/secrets.ts';
import type { Problem } from './problem.ts';

const pattern = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/** A copy with every string interpolated; a missing variable is a problem at the string's path. */
export function interpolate(
  value: unknown,
  env: Readonly<Record<string, string | undefined>>,
  problems: Problem[],
  path = '',
): unknown {
  if (typeof value === 'string') {
    return value.replace(pattern, (_, name: string, fallback: string | undefined) => {
      const found = (Object.hasOwn(env, name) ? env[name] : undefined) ?? fallback;
      if (found === undefined) problems.push({ path, message: `the environment has no variable ${name}` });
      if (found !== undefined && isSecretName(name)) learnSecret(found);
      return found ?? '';
    });
  }
  if (Array.isArray(value)) return value.map((item, i) => interpolate(item, env, problems, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      interpolate(inner, env, problems, path === '' ? key : `${path}.${key}`),
    ]),
  );
}
