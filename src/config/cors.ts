/** What can be wrong with the pages of other origins that may call. */
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

/** As browsers write it (RFC 6454 §6.1): anything behind the host, a slash too, is never equal to what they send. */
const serialized = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/;

/**
 * Reports origins that are no serialized origin (RFC 6454 §6.1), and credentials together with the origin *.
 */
export function corsProblems({ cors: { origins, allowCredentials } }: Config, mistakes: Mistakes): void {
  if (allowCredentials && origins.includes('*'))
    mistakes.add(
      'cors.allowCredentials',
      'with origins *, any page on the web could call with the cookies of whoever looks at it: name the origins',
    );
  origins.forEach((origin, i) => {
    if (origin === '*' || origin === 'null' || serialized.test(origin)) return;
    mistakes.add(
      `cors.origins[${i}]`,
      `"${origin}" is no origin as browsers send it: write * or https://app.example, with a port if there is one and nothing behind it`,
    );
  });
}
