/**
 * The Open Inference Protocol and Triton's extensions to it, member by member: how each is asked over REST and over
 * gRPC, and what becomes of it for each door before each transport of a server. test/bridge/protocol.test.ts tries
 * every cell before a real Triton, docs/v2-protocol.md shows them.
 */
import type { Grpc, Rest, Said } from './asks.ts';

/**
 * same: the answer is the server's own, as it gives it to a client of the door's protocol. own: the gateway's, which
 * `is` recognises. refused: with a status and words. none: the API of the door has no such question.
 */
export type Cell =
  | { readonly kind: 'same'; readonly how: 'passes' | 'translated' | 'all' | 'one' }
  | { readonly kind: 'own'; readonly what: string; readonly is: (said: Said) => boolean }
  | {
      readonly kind: 'refused';
      readonly status: number | string;
      readonly words: RegExp;
      readonly why: string;
    }
  | { readonly kind: 'none' };

export type Way = 'rest-rest' | 'rest-grpc' | 'grpc-rest' | 'grpc-grpc';
export const ways: readonly Way[] = ['rest-rest', 'rest-grpc', 'grpc-rest', 'grpc-grpc'];

export interface Row {
  readonly member: string;
  readonly rest?: (ask: Rest) => Promise<Said>;
  readonly grpc?: (ask: Grpc) => Promise<Said>;
  readonly cells: Readonly<Record<Way, Cell>>;
  /** It changes servers: tried through a gateway that allows it. Without that it is refused at every door. */
  readonly permission?: true;
  /** The server refuses it, or part of it; of all others its own answer must be a good one. */
  readonly fails?: true;
  /** Without what differs from one answer to the next. */
  readonly lasting?: (said: Said) => Said;
}

export interface Group {
  readonly title: string;
  readonly rows: readonly Row[];
}

const passes: Cell = { kind: 'same', how: 'passes' };
const translated: Cell = { kind: 'same', how: 'translated' };
const all: Cell = { kind: 'same', how: 'all' };
export const none: Cell = { kind: 'none' };

/** Bodies and messages pass between like ends. */
export const throughout: Row['cells'] = {
  'rest-rest': passes,
  'rest-grpc': translated,
  'grpc-rest': translated,
  'grpc-grpc': passes,
};
/** JSON is read and written anew even between like ends. */
export const readOverRest: Row['cells'] = { ...throughout, 'rest-rest': translated };
/** The answer is made of what all backends say. */
export const ofAll: Row['cells'] = { 'rest-rest': all, 'rest-grpc': all, 'grpc-rest': all, 'grpc-grpc': all };
/** The REST API has no such question. */
export const overGrpc = (cells: Pick<Row['cells'], 'grpc-rest' | 'grpc-grpc'>): Row['cells'] => ({
  'rest-rest': none,
  'rest-grpc': none,
  ...cells,
});
export const overRest = (cells: Pick<Row['cells'], 'rest-rest' | 'rest-grpc'>): Row['cells'] => ({
  'rest-rest': cells['rest-rest'],
  'rest-grpc': cells['rest-grpc'],
  'grpc-rest': none,
  'grpc-grpc': none,
});

export const everywhere = (cell: Cell): Row['cells'] => ({
  'rest-rest': cell,
  'rest-grpc': cell,
  'grpc-rest': cell,
  'grpc-grpc': cell,
});
