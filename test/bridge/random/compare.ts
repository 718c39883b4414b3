/** Which members of two answers differ, each as a line: a whole dump of two answers shows nobody where. */

/** Of one object. */
const maxLines = 6;

const clipped = (value: unknown): string => {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

export function differing(own: unknown, got: unknown, path = ''): string[] {
  if (isObject(own) && isObject(got) && Array.isArray(own) === Array.isArray(got)) {
    const names = new Set([...Object.keys(own), ...Object.keys(got)]);
    const lines = [...names].flatMap((name) => differing(own[name], got[name], `${path}.${name}`));
    return lines.length > maxLines ? [...lines.slice(0, maxLines), `${path}: and so on`] : lines;
  }
  return Object.is(own, got) ? [] : [`${path}: the server ${clipped(own)}, the gateway ${clipped(got)}`];
}
