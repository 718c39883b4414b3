/** Lists of fields that come again and again, and what is made of them, remembered by the list's identity. */

type List = readonly string[];

/**
 * A list enters when it has come for the second time. What is remembered of one that never comes again (it names a
 * request, or a trace) helps nobody and is garbage that the collector finds late: each collection then copies a
 * thousand dead calls.
 * hot: 0020
 */
const recurring = new WeakSet<List>();

/** Says that the list comes again, and gives it. For lists that live as long as a connection, or the process. */
export function markReused<T extends List>(list: T): T {
  recurring.add(list);
  return list;
}

/** Whether what is made of the list is worth remembering. */
export function isReused(list: List): boolean {
  return recurring.has(list);
}

/** What `make` makes of a list, made once for a list that recurs. A list made of a recurring one recurs, too. */
export function memoizeByIdentity<T extends object>(make: (list: List) => T): (list: List) => T {
  const known = new WeakMap<List, T>();
  return (list) => {
    let made = known.get(list);
    if (made !== undefined) return made;
    made = make(list);
    if (!recurring.has(list)) return made;
    known.set(list, made);
    if (Array.isArray(made)) recurring.add(made as string[]);
    return made;
  };
}
