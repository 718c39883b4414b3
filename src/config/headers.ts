/** Headers that a configuration goes by: which they are, and what can be wrong with them. */
import { canBeMetadata } from '../call/index.ts';
import type { Problem } from './problem.ts';
import type { Config } from './schema/index.ts';

interface Named {
  /** Where the configuration says it. */
  readonly path: string;
  /** In lower case. */
  readonly name: string;
}

/** What calls are told apart by: these go along with every call, whatever door it comes by. */
export function namedHeaders({ models, rateLimits, cache, queue, fleets }: Config): Named[] {
  const named: Named[] = [];
  const add = (path: string, name: string): void => void named.push({ path, name: name.toLowerCase() });
  for (const [model, { rules, stickyHeader }] of Object.entries(models)) {
    rules.forEach(({ header }, i) => {
      add(`models.${model}.rules[${i}].header`, header);
    });
    if (stickyHeader !== undefined) add(`models.${model}.stickyHeader`, stickyHeader);
  }
  rateLimits.forEach(({ by }, i) => {
    if (by.startsWith('header:')) add(`rateLimits[${i}].by`, by.slice('header:'.length));
  });
  cache.vary.forEach((name, i) => {
    add(`cache.vary[${i}]`, name);
  });
  add('queue.priorityField', queue.priorityField);
  for (const [fleet, { balance }] of Object.entries(fleets))
    if (balance.hashOn !== 'model') add(`fleets.${fleet}.balance.hashOn`, balance.hashOn);
  return named;
}

const ofProxies = /^(x-forwarded-.*|x-real-ip|forwarded)$/;
/** A sentence that says why no rule can go by a header; undefined when one can. */
function whyNot(name: string): string | undefined {
  if (ofProxies.test(name))
    return `${name} is for proxies to say and for anybody to write, and no call over REST has it: go by peer, with doors.trustedProxies`;
  if (!canBeMetadata(name))
    return `${name} belongs to the message that carries a call: no call over REST has it`;
  return undefined;
}

export function headerProblems(config: Config): Problem[] {
  const { forwardHeaders, returnHeaders } = config.rest;
  const listed = [
    ...forwardHeaders.map((name, i) => ({ path: `rest.forwardHeaders[${i}]`, name })),
    ...returnHeaders.map((name, i) => ({ path: `rest.returnHeaders[${i}]`, name })),
  ];
  return [...namedHeaders(config), ...listed].flatMap(({ path, name }) => {
    const message = whyNot(name);
    return message === undefined ? [] : [{ path, message }];
  });
}
