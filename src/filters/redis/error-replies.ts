/**
 * What an error reply of Redis means for whoever asked: each kind has its own consequence (redis.io, "Redis
 * serialization protocol"; server.c).
 */
import { ReplyError } from 'ioredis';

export type Meaning =
  /** The key is another node's, now or for this one command. */
  | { readonly kind: 'moved' | 'ask'; readonly slot: number; readonly host: string; readonly port: number }
  /** It is a replica: the address may lead to another server by now, so it is dialled again. */
  | { readonly kind: 'replica' }
  /** It is not ready, and takes no command for a while. */
  | { readonly kind: 'not ready' }
  /** A part of the cluster has no server now. */
  | { readonly kind: 'cluster down' }
  /** It takes no writes for a while: memory, disk, replicas. */
  | { readonly kind: 'no writes' }
  /** An operator has to do something: rights, a command that is not there, keys of two slots. */
  | { readonly kind: 'refused' };

const kinds: Readonly<Record<string, Exclude<Meaning['kind'], 'moved' | 'ask'>>> = {
  READONLY: 'replica',
  LOADING: 'not ready',
  MASTERDOWN: 'not ready',
  BUSY: 'not ready',
  CLUSTERDOWN: 'cluster down',
  TRYAGAIN: 'cluster down',
  OOM: 'no writes',
  MISCONF: 'no writes',
  NOREPLICAS: 'no writes',
};

/** "MOVED 3999 127.0.0.1:6381"; an empty host is that of the node which says so. */
const elsewhere = /^(MOVED|ASK) (\d{1,5}) (.*):(\d{1,5})$/;

/** The first word of an error reply. */
export const codeOf = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR';

/** Undefined for what is no reply: a connection that was lost, or is not there. */
export function meaningOf(error: unknown): Meaning | undefined {
  if (!(error instanceof ReplyError)) return undefined;
  const { message } = error as Error;
  const found = elsewhere.exec(message);
  if (found !== null) {
    const [, word, slot, host = '', port] = found;
    return { kind: word === 'MOVED' ? 'moved' : 'ask', slot: Number(slot), host, port: Number(port) };
  }
  return { kind: kinds[codeOf(error as Error)] ?? 'refused' };
}
