/** Request targets: which prefix one belongs to, and whether it could mean something else to the server behind. */
import type { ProxyRoute } from './options.ts';

/**
 * What RFC 3986 allows in a path, the escapes included; neither "#" nor a backslash nor a control character is among
 * it.
 */
const pathLetters = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*$/;
/** What a query may hold: visible ASCII but "#", which would end it. */
const queryLetters = /^[!"$-~]*$/;
/** Servers that decode twice read "%252e" as a dot; nobody decodes this often. */
const maxDecodings = 4;

/** The route whose prefix a path lies below, letter by letter: an encoded prefix is no prefix. */
export function routeOf(routes: readonly ProxyRoute[], url: string): ProxyRoute | undefined {
  let best: ProxyRoute | undefined;
  for (const route of routes) {
    const { prefix } = route;
    if (!url.startsWith(prefix) || prefix.length <= (best?.prefix.length ?? 0)) continue;
    const next = url[prefix.length];
    if (next === undefined || next === '/' || next === '?') best = route;
  }
  return best;
}

/**
 * The target that the backend gets, byte for byte: the client's, with the prefix replaced where the route says so.
 * @returns why it is refused, when it is
 */
export function targetOf(route: ProxyRoute, url: string): { target: string } | { refused: string } {
  const mark = url.indexOf('?');
  const path = mark === -1 ? url : url.slice(0, mark);
  const query = mark === -1 ? '' : url.slice(mark);
  if (!pathLetters.test(path)) return { refused: 'the path holds a character that no path may hold' };
  if (!queryLetters.test(query)) return { refused: 'the query holds a character that no query may hold' };
  if (!isUtf8(path)) return { refused: 'the path holds an escape that is no UTF-8' };
  let decoded = path;
  for (let i = 0; i < maxDecodings; i++) {
    if (/[\\\u0000-\u001f\u007f]/.test(decoded))
      return { refused: 'the path holds a backslash or a control character' };
    const segments = decoded.split('/').slice(1);
    if (segments.some((segment) => segment === '.' || segment === '..'))
      return { refused: 'the path has a "." or ".." segment' };
    if (segments.slice(0, -1).includes('')) return { refused: 'the path has an empty segment' };
    const next = decoded.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
      String.fromCharCode(parseInt(hex, 16)),
    );
    if (next === decoded) return { target: route.rewrite + url.slice(route.prefix.length) };
    decoded = next;
  }
  return { refused: 'the path is encoded again and again' };
}

function isUtf8(path: string): boolean {
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
