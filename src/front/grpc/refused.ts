/** An RPC that is refused before it is a call for the filters: it counts as one, and is logged as one, all the same. */
import type { StatusError } from '../../base/status.ts';
import { type Call, Cancellation, Flow, type Protocol, never, type Observer } from '../../call/index.ts';
import type { RpcHead } from './head.ts';

/** @param requestBytes that have come of it */
export function tellRefused(
  observer: Observer,
  { method, metadata }: RpcHead,
  [via, id, peer]: readonly [via: Protocol, id: string, peer: string],
  requestBytes: number,
  { code, message, where = '' }: StatusError,
): void {
  const call: Call = {
    kind: 'unary',
    method,
    via,
    metadata,
    target: undefined,
    request: new Flow(false),
    deadline: never,
    cancellation: new Cancellation(),
    id,
    peer,
  };
  observer.callEnded({
    call,
    started: observer.callStarted(call),
    code,
    message,
    where,
    durationMs: 0,
    from: '',
    requestBytes,
    replyBytes: 0,
    version: '',
    knownModel: false,
  });
}
