/** What the gateway as a whole may spend on its clients. */
import Type from 'typebox';
import { mebi, section } from './kinds.ts';

export const limits = section(
  {
    memoryBytes: Type.Optional(
      Type.Integer({
        minimum: 16 * mebi,
        description:
          'What one process may hold for its clients, all calls together: requests that wait or are kept for another attempt, bodies, messages rebuilt for another API, copies for mirrors, replies that are not read. Beyond it copies are let go, large bodies refused and stalled readers cut off. When absent, two fifths of the memory of the container or the machine, divided among `workers`: code, connections and what waits for the garbage collector need the rest. In bytes.',
      }),
    ),
  },
  'What the gateway as a whole may spend on its clients.',
);
