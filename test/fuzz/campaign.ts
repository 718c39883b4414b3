/** What a campaign of fuzz is: a gateway with its peers, and inputs that are made from a seed each. */
import type { Victim } from '../support/index.ts';
import type { Chance } from './chance.ts';

export interface Campaign {
  readonly name: string;
  /** Inputs at the same time. */
  readonly width: number;
  /** Starts the gateway and whom it talks to. */
  start(seed: number): Promise<Scene>;
}

export interface Scene {
  readonly gateway: Victim;
  /**
   * Makes one input and judges what came of it.
   * @returns how many inputs it was: requests, frames, answers of a peer
   * @throws Error with what is wrong
   */
  run(chance: Chance): Promise<number>;
  /** Peers behave from here on, so that what is left can settle. */
  calm(): Promise<void>;
  stop(): Promise<void>;
}
