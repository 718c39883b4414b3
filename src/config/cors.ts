/** What can be wrong with the pages of other origins that may call. */
import type { Problem } from './problem.ts';
import type { Config } from './schema/index.ts';

/** As browsers write it (RFC 6454 §6.1): anything behind the host, a slash too, is never equal to what they send. */
const serialized = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s]+$/;

export function corsProblems({ cors: { origins, allowCredentials } }: Config): Problem[] {
  const problems: Problem[] = [];
  if (allowCredentials && origins.includes('*'))
    problems.push({
      path: 'cors.allowCredentials',
      message:
        'with origins *, any page on the web could call with the cookies of whoever looks at it: name the origins',
    });
  origins.forEach((origin, i) => {
    if (origin === '*' || origin === 'null' || serialized.test(origin)) return;
    problems.push({
      path: `cors.origins[${i}]`,
      message: `"${origin}" is no origin as browsers send it: write * or https://app.example, with a port if there is one and nothing behind it`,
    });
  });
  return problems;
}
