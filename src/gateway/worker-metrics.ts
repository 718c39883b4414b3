/** One metrics page for all workers of a gateway, whichever of them is asked. */
import { detach, guarded } from '../base/faults.ts';
import { countsOf, mergeRenderings, type Rendering, type Telemetry } from '../telemetry/index.ts';
import { type Counted, type Peers, textsOf } from './workers/index.ts';

/** How often a worker's counts are kept in case it ends before it can say them, in ms. */
const keepEveryMs = 10_000;

/** Renders the metrics of this worker and its peers, and keeps this one's counts for when it has ended. */
export class WorkerMetrics {
  readonly #telemetry: Pick<Telemetry, 'render'>;
  readonly #peers: Peers | undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(telemetry: Pick<Telemetry, 'render'>, peers: Peers | undefined) {
    this.#telemetry = telemetry;
    this.#peers = peers;
    if (peers === undefined) return;
    peers.respond('metrics', async (): Promise<Counted> => {
      return { worker: peers.id, body: (await this.#renderAndKeep(peers)).body };
    });
    const keep = (): void => {
      detach('worker', this.#renderAndKeep(peers));
    };
    this.#timer = setInterval(guarded('timer', keep), keepEveryMs).unref();
  }

  async render(): Promise<Rendering> {
    const peers = this.#peers;
    if (peers === undefined) return this.#telemetry.render();
    const own = await this.#renderAndKeep(peers);
    // the first process before the others: one that ends in between is in what was kept, and does not answer
    const kept = peers.askKept();
    const others = (await peers.askOthers('metrics')) as Counted[];
    const body = mergeRenderings(textsOf({ worker: peers.id, body: own.body }, others, await kept));
    return { ...own, body };
  }

  /** The last counts of this worker are kept before it ends. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#peers?.keep(countsOf((await this.#telemetry.render()).body));
  }

  /** What somebody gets to see must be in the sums as long as they are asked for, whatever becomes of this worker. */
  async #renderAndKeep(peers: Peers): Promise<Rendering> {
    const own = await this.#telemetry.render();
    detach('worker', peers.keep(countsOf(own.body)));
    return own;
  }
}
