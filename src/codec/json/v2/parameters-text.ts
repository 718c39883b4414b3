/** Parameters of V2 messages as JSON. */
import type { V2Parameter, V2Parameters } from '../../v2.ts';

/** 64-bit integers keep their digits, and a double stays one: servers take 5 for an integer. */
export function parameterText(value: V2Parameter): string {
  if (typeof value === 'bigint') return String(value);
  const text = JSON.stringify(value);
  return typeof value === 'number' && /^-?[0-9]+$/.test(text) ? `${text}.0` : text;
}

/**
 * Serializes V2 parameters as a JSON object; 64-bit integers are written with all their digits, doubles with a
 * fraction.
 */
export function parametersText(parameters: V2Parameters): string {
  return `{${[...parameters].map(([name, value]) => `${JSON.stringify(name)}:${parameterText(value)}`).join(',')}}`;
}
