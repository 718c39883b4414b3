/** The signatures of models, asked from the backends themselves and remembered for a while. */
import type { After, Clock } from '../base/clock.ts';
import { Code, StatusError } from '../base/status.ts';
import { after as processAfter } from '../base/timer-wheel.ts';
import {
  type Cancellation,
  errorOf,
  flowOf,
  getMetadata,
  type Handler,
  type Metadata,
  ownCall,
  type Target,
  wholeMessage,
} from '../call/index.ts';
import {
  decodeGetModelMetadataResponse,
  encodeGetModelMetadataRequest,
  type ModelMetadata,
  notTaken,
  readControl,
} from '../codec/index.ts';
import { methodOf } from './methods.ts';
import { specOf } from './target.ts';
import type { ModelView } from './view.ts';

export interface CatalogOptions {
  /** How long metadata is believed, in ms; a reload that the fleet sees ends it sooner. */
  readonly ttlMs: number;
  /** Models and versions that are remembered. */
  readonly maxEntries: number;
  /** Longest metadata message, in bytes. */
  readonly maxBytes: number;
}

export interface CatalogDeps {
  readonly handler: Handler;
  readonly view: Pick<ModelView, 'defaultVersion' | 'incarnation'>;
  readonly clock: Clock;
  readonly after?: After;
  readonly options: CatalogOptions;
}

/** Whose call it is that needs the metadata. */
export interface CatalogContext {
  readonly cancellation: Cancellation;
  /** As Call has it. */
  readonly deadline: number;
  readonly id: string;
}

/** Asking goes on without the call that began it, since others may wait too; for no longer than this, in ms. */
const fetchTimeoutMs = 10_000;
const fetchMetadata: Metadata = ['content-type', 'application/grpc', 'user-agent', 'tensorgate-catalog'];

interface Entry {
  readonly metadata: Promise<ModelMetadata>;
  arrived?: ModelMetadata;
  readonly incarnation: string;
  readonly untilMs: number;
}

const method = methodOf('/tensorflow.serving.PredictionService/GetModelMetadata');

/**
 * Cache of model metadata by fleet, model, version and label; fetches it from a backend with GetModelMetadata.
 */
export class Catalog {
  readonly #deps: CatalogDeps;
  /** By fleet, model, version and label; the oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(deps: CatalogDeps) {
    this.#deps = deps;
  }

  /** The same as metadata(), when it is remembered and has arrived. */
  known(target: Target): ModelMetadata | undefined {
    const { key, incarnation } = this.#keyOf(target);
    const entry = this.#entries.get(key);
    return entry !== undefined && this.#holds(entry, incarnation) ? entry.arrived : undefined;
  }

  #keyOf(target: Target): { version: bigint | undefined; incarnation: string; key: string } {
    const { view } = this.#deps;
    const version = target.version ?? (target.label === undefined ? view.defaultVersion(target) : undefined);
    const incarnation = version === undefined ? '' : view.incarnation(target, version);
    const key = `${target.fleet ?? ''}\0${target.model}\0${version ?? ''}\0${target.label ?? ''}`;
    return { version, incarnation, key };
  }

  #holds(entry: Entry, incarnation: string): boolean {
    return entry.incarnation === incarnation && entry.untilMs > this.#deps.clock();
  }

  /**
   * The metadata of the version that a target means right now. Askers at the same time share one call.
   * @throws OutOfBounds, StatusError of the backend's (NOT_FOUND, ...), or the fleet's when nobody can answer; not
   *   remembered
   */
  async metadata(target: Target, context: CatalogContext): Promise<ModelMetadata> {
    const { clock, options } = this.#deps;
    const { version, incarnation, key } = this.#keyOf(target);
    const known = this.#entries.get(key);
    if (known !== undefined && this.#holds(known, incarnation))
      return this.#untilOver(known.metadata, context);
    // the version is pinned, so that what is remembered for it is about it
    const { fleet, model } = target;
    const asked: Target = version === undefined ? target : { fleet, model, version, signature: '' };
    const metadata = this.#fetch(asked, context);
    this.#entries.delete(key);
    const entry: Entry = { metadata, incarnation, untilMs: clock() + options.ttlMs };
    this.#entries.set(key, entry);
    if (this.#entries.size > options.maxEntries) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest as string);
    }
    metadata.then(
      (arrived) => {
        entry.arrived = arrived;
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return this.#untilOver(metadata, context);
  }

  /** A call that is cancelled, or whose time is up, waits no longer. */
  #untilOver<T>(promise: Promise<T>, { cancellation, deadline }: CatalogContext): Promise<T> {
    const { clock, after = processAfter } = this.#deps;
    return new Promise((resolve, reject) => {
      const unlisten = cancellation.onCancel(reject);
      const disarm = after(Math.max(0, deadline - clock()), () => {
        reject(
          new StatusError(
            Code.DEADLINE_EXCEEDED,
            'deadline exceeded: the signature of the model is not known yet',
          ),
        );
      });
      promise.then(resolve, reject).finally(() => {
        unlisten();
        disarm();
      });
    });
  }

  async #fetch(target: Target, context: CatalogContext): Promise<ModelMetadata> {
    const { handler, clock, options } = this.#deps;
    const asked = {
      method,
      metadata: fetchMetadata,
      target,
      request: flowOf(encodeGetModelMetadataRequest(specOf(target))),
      id: context.id,
    };
    const reply = await handler(ownCall(asked, 'REST', clock() + fetchTimeoutMs));
    const message = await wholeMessage(reply.body, options.maxBytes).catch((reason: unknown) => {
      throw notTaken(reason);
    });
    if (message === undefined) throw errorOf(reply.body.trailers, reply.from);
    if (getMetadata(message.trailers, 'grpc-status') !== '0') throw errorOf(message.trailers, reply.from);
    if (message.compressed)
      throw new StatusError(
        Code.INTERNAL,
        `backend ${reply.from} compressed its metadata without being asked to`,
      );
    return readControl(decodeGetModelMetadataResponse, message.bytes);
  }
}
