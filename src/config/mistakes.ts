/** Collects mistakes while a configuration is looked through, parts of which may be malformed. */
import type { Problem } from './problem.ts';

/** Thrown where a check comes to a value that does not fit the schema. */
const isMalformed = new Error('a value does not fit the schema');

/**
 * Collects problems by configuration path; part() runs a check and ends it where it reads a malformed value.
 */
export class Mistakes {
  readonly found: Problem[] = [];

  add(path: string, message: string): void {
    this.found.push({ path, message });
  }

  /** Runs a check, or a part of one. Where it needs a malformed value it ends and says no more: that has been told. */
  part(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (error !== isMalformed) throw error;
    }
  }
}

/** Where values do not fit: each by its path, and what is required and not there by the path of what should have it. */
export interface Unreadable {
  readonly values: ReadonlySet<string>;
  readonly missing: ReadonlyMap<string, readonly string[]>;
}

const malformed = {
  enumerable: true,
  get(): never {
    throw isMalformed;
  },
};

/**
 * A copy whose well-formed parts can be read like a configuration; reading anything else ends the part of a check
 * that does. Its objects have no prototype: "constructor" is no fleet.
 */
export function readableParts(value: unknown, unreadable: Unreadable, at = ''): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const isList = Array.isArray(value);
  const copy: object = isList ? [] : (Object.create(null) as object);
  for (const [key, inner] of Object.entries(value)) {
    const path = isList ? `${at}[${key}]` : at === '' ? key : `${at}.${key}`;
    if (unreadable.values.has(path)) Object.defineProperty(copy, key, malformed);
    else
      Object.defineProperty(copy, key, {
        enumerable: true,
        value: readableParts(inner, unreadable, path),
      });
  }
  for (const key of unreadable.missing.get(at) ?? []) Object.defineProperty(copy, key, malformed);
  return copy;
}
