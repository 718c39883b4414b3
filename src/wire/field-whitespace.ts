/** White space around the values of fields, which is no part of them (RFC 9110 §5.5). */

const isBlank = (code: number): boolean => code === 32 || code === 9;

/** Whether a value begins or ends with a space or a tab. */
export function hasBlanks(value: string): boolean {
  const { length } = value;
  return length > 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1)));
}

/**
 * Without spaces and tabs around it, and nothing else: other white space is part of a value. By steps and not by an
 * expression, which takes quadratic time over blanks.
 */
export function withoutBlanks(value: string): string {
  if (!hasBlanks(value)) return value;
  let from = 0;
  let to = value.length;
  while (from < to && isBlank(value.charCodeAt(from))) from++;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to--;
  return value.slice(from, to);
}
