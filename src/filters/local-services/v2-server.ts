/** The calls of KServe V2 that are about the server and not about a model: to its clients the gateway is the server. */
import { Code, StatusError } from '../../base/status.ts';
import { type Call, type Handler, type Reply, replyOf } from '../../call/index.ts';
import {
  decodeRepositoryIndexRequest,
  encodeFlagResponse,
  encodeRepositoryIndexResponse,
  encodeServerMetadataResponse,
} from '../../codec/index.ts';
import type { ModelView } from '../../models/index.ts';
import { requestMessage } from './messages.ts';

export interface ServerDeps {
  readonly view: Pick<ModelView, 'index'>;
  readonly ready: () => boolean;
  /** The gateway's own. */
  readonly version: string;
  /** Those of all servers that may be asked. */
  readonly extensions: () => Promise<readonly string[]>;
}

type Answer = (message: Uint8Array, deps: ServerDeps) => Uint8Array | Promise<Uint8Array>;

const answers: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ['ServerLive', () => encodeFlagResponse(true)],
  ['ServerReady', (_message: Uint8Array, { ready }: ServerDeps) => encodeFlagResponse(ready())],
  [
    'ServerMetadata',
    async (_message: Uint8Array, { version, extensions }: ServerDeps) =>
      encodeServerMetadataResponse({ name: 'tensorgate', version, extensions: await extensions() }),
  ],
  [
    'RepositoryIndex',
    (message: Uint8Array, { view }: ServerDeps) => {
      const { onlyReady } = decodeRepositoryIndexRequest(message);
      const models = view.index();
      return encodeRepositoryIndexResponse(
        onlyReady ? models.filter(({ state }) => state === 'READY') : models,
      );
    },
  ],
]);

/** Answers them; gives every other method of the service to `next`. */
export function serverService(deps: ServerDeps): (call: Call, next: Handler) => Promise<Reply> {
  return async (call, next) => {
    const answer = answers.get(call.method.name);
    if (answer === undefined) {
      const { target, method } = call;
      if (target !== undefined || method.streaming || method.admin || method.fleetWide) return next(call);
      throw new StatusError(
        Code.UNIMPLEMENTED,
        `${call.method.name} is about one server, and many may stand behind the gateway`,
      );
    }
    return replyOf(await answer(await requestMessage(call), deps), 'gateway');
  };
}
