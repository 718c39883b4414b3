/** The package has no types of its own. */
declare module 'cluster-key-slot' {
  const slotOf: (key: string) => number;
  export default slotOf;
}
