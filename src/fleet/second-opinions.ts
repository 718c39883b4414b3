/**
 * Asks another backend what one has failed at, when that one fails often: only then is it known whose failure it is.
 */
import { Code } from '../base/status.ts';
import { type Call, type Observer, type Reply, statusOf } from '../call/index.ts';
import type { Doubts } from './balance/doubts.ts';
import { verdictOn } from './balance/outlier-detector.ts';
import type { BackendSelector, Chosen } from './routing/backend-selector.ts';
import type { ModelRoutes } from './routing/routing-table.ts';

export interface SecondOpinionsDeps {
  readonly doubts: Doubts;
  readonly selector: BackendSelector;
  readonly observer: Observer;
}

/**
 * Repeats a call at another backend after a failure status of the first, when failures of its model are frequent
 * there (Doubts): a success elsewhere shows that the failure was the backend's and not the request's.
 */
export class SecondOpinions {
  readonly #deps: SecondOpinionsDeps;

  constructor(deps: SecondOpinionsDeps) {
    this.#deps = deps;
  }

  /**
   * The backend's own failure, before any message, of a call that may be sent twice; and it is one of many. Takes the
   * right to ask.
   */
  isWanted({ kind, method, request, sequence, cancellation }: Call, { body }: Reply, at: Chosen): boolean {
    if (!body.ended || body.bytes > 0 || kind !== 'unary') return false;
    const code = statusOf(body.trailers);
    if (code === Code.OK || verdictOn({ code, transport: false, disposition: undefined }) !== 'failed')
      return false;
    if (!method.idempotent || sequence !== undefined || !request.retains) return false;
    return cancellation.reason === undefined && this.#deps.doubts.take(at.name, at.model);
  }

  /** The other's answer when it is a good one, else the first. */
  async ask(call: Call, routes: ModelRoutes | undefined, reply: Reply, at: Chosen): Promise<Reply> {
    const { selector, observer } = this.#deps;
    const failed = { backend: at.name, code: statusOf(reply.body.trailers), transport: false };
    const asked = {
      ...call,
      avoid: [...(call.avoid ?? []), at.name],
      elsewhere: true,
      failedAt: [...(call.failedAt ?? []), failed],
    };
    try {
      const other = await selector.choose(asked, routes);
      observer.retried(at.name, 'second opinion');
      call.onPicked?.(other.name);
      const answer = await other.host.send(asked, other);
      const { body } = answer;
      return !body.ended || body.bytes > 0 || statusOf(body.trailers) === Code.OK ? answer : reply;
    } catch {
      // nobody else can be asked, or it fared no better: what the first one said is the answer
      return reply;
    }
  }
}
