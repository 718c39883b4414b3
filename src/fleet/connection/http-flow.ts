/** The body of an HTTP answer as a flow: each piece that comes is a message, at the pace of whoever reads them. */
import type { Readable } from 'node:stream';
import { guarded } from '../../base/faults.ts';
import { Code, StatusError } from '../../base/status.ts';
import { Flow, messagePrefix } from '../../call/index.ts';

export interface HttpFlowOptions {
  /** The backend's name. */
  readonly where: string;
  /** Why the request was cut, when it was: a better reason than the stream's own. */
  readonly reason: () => StatusError | undefined;
}

/**
 * Converts the body of an HTTP response into a flow: each chunk becomes a length-prefixed message, the end
 * `grpc-status: 0`. An error of the body fails the flow with `reason()`, or else UNAVAILABLE. The body is paused
 * while the flow is full.
 */
export function flowOfBody(body: Readable, { where, reason }: HttpFlowOptions): Flow {
  const flow = new Flow();
  const cut = (error: StatusError): void => {
    flow.fail(error);
    body.destroy();
  };
  const alone = <A extends unknown[]>(listener: (...args: A) => void): ((...args: A) => void) =>
    guarded('backend', listener, (fault) => {
      cut(StatusError.from(fault, where));
    });
  flow.onAbandon = cut;
  flow.onCredit = () => {
    if (!flow.full && body.isPaused()) body.resume();
  };
  body.on(
    'data',
    alone((chunk: Buffer) => {
      flow.push(messagePrefix(chunk.length));
      flow.push(chunk);
      if (flow.full) body.pause();
    }),
  );
  body.once(
    'end',
    alone(() => {
      flow.end(['grpc-status', '0']);
    }),
  );
  body.on(
    'error',
    alone((cause: Error) => {
      const text = `backend ${where} broke off its answer`;
      flow.fail(reason() ?? new StatusError(Code.UNAVAILABLE, text, { where, cause }));
    }),
  );
  return flow;
}
