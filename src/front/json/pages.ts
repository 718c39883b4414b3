/** Pages may call models, by `cors.origins`; what an operator does is no page's to ask for. */
import { Code, StatusError } from '../../base/status.ts';
import type { JsonRequest } from './json-request.ts';

/** @throws StatusError PERMISSION_DENIED for a request that a browser sends for a page */
export function refusePages(request: JsonRequest, what: string): void {
  const site = request.field('sec-fetch-site') ?? '';
  if (request.head.origin !== undefined || /^(cross|same)-site$/.test(site))
    throw new StatusError(Code.PERMISSION_DENIED, `${what} is refused to pages in browsers`);
}
