/** What a call may hold for as long as it lasts. */

/** Counts what is made of a call's messages on their way; what is left at the call's end is given back there. */
export interface CallMemory {
  /**
   * @param bytes held in addition to what is held already; negative: given back
   * @throws StatusError RESOURCE_EXHAUSTED when there is no room for them, CANCELLED when the call is over
   */
  hold(bytes: number): void;
}
