/** Headers that a configuration goes by: which they are, and what can be wrong with them. */
import { canBeMetadata } from '../call/index.ts';
import type { Mistakes } from './mistakes.ts';
import type { Config } from './schema/index.ts';

interface Named {
  /** Where the configuration says it. */
  readonly path: string;
  /** In lower case. */
  readonly name: string;
}

/**
 * What calls are told apart by: these go along with every call, whatever door it comes by.
 * @param part runs each part of the search
 */
export function namedHeaders(
  config: Config,
  part = (search: () => void): void => {
    search();
  },
): Named[] {
  const named: Named[] = [];
  const add = (path: string, name: string): void => void named.push({ path, name: name.toLowerCase() });
  /** One after the other, each by itself. */
  const each = <T>(list: () => readonly T[], look: (item: T, i: number) => void): void => {
    part(() => {
      const items = list();
      for (let i = 0; i < items.length; i++)
        part(() => {
          look(items[i] as T, i);
        });
    });
  };
  each(
    () => Object.keys(config.models),
    (model) => {
      each(
        () => config.models[model]?.rules ?? [],
        ({ header }, i) => {
          add(`models.${model}.rules[${i}].header`, header);
        },
      );
      const { stickyHeader } = config.models[model] ?? {};
      if (stickyHeader !== undefined) add(`models.${model}.stickyHeader`, stickyHeader);
    },
  );
  each(
    () => config.rateLimits,
    ({ by }, i) => {
      if (by.startsWith('header:')) add(`rateLimits[${i}].by`, by.slice('header:'.length));
    },
  );
  each(
    () => config.cache.vary,
    (name, i) => {
      add(`cache.vary[${i}]`, name);
    },
  );
  part(() => {
    add('queue.priorityField', config.queue.priorityField);
  });
  each(
    () => Object.keys(config.fleets),
    (fleet) => {
      const hashOn = config.fleets[fleet]?.balance.hashOn;
      if (hashOn !== undefined && hashOn !== 'model') add(`fleets.${fleet}.balance.hashOn`, hashOn);
    },
  );
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

/**
 * Reports header names that no REST call can have as metadata: those of proxies (X-Forwarded-*, Forwarded) and
 * of the HTTP message itself.
 */
export function headerProblems(config: Config, mistakes: Mistakes): void {
  const part = (check: () => void): void => {
    mistakes.part(check);
  };
  const named = namedHeaders(config, part);
  for (const list of ['forwardHeaders', 'returnHeaders'] as const)
    part(() => {
      config.rest[list].forEach((name, i) => named.push({ path: `rest.${list}[${i}]`, name }));
    });
  for (const { path, name } of named) {
    const message = whyNot(name);
    if (message !== undefined) mistakes.add(path, message);
  }
}
