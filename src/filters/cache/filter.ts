/**
 * The response cache: a Predict that was answered before is answered from the store, whichever door it comes through.
 */
import {
  allMetadata,
  type ByModel,
  type Call,
  type Filter,
  type Handler,
  type ModelRef,
  type Observer,
  type Reply,
  replyOf,
  type Target,
  type UnaryCall,
} from '../../call/index.ts';
import {
  decodePredictRequest,
  decodePredictResponse,
  defaultSignature,
  isUnambiguousPredict,
} from '../../codec/index.ts';
import { type ModelView, targetOf } from '../../models/index.ts';
import { requestMessage } from '../request-message.ts';
import { envelopeBytes, open, seal } from './envelope.ts';
import { cacheKey } from './key.ts';
import { copyReply } from './reply.ts';
import { isPlainPredict } from './request.ts';
import type { ResponseStore } from './store.ts';

export interface CacheModelOptions {
  readonly ttlMs: number;
  /** Larger answers are not stored. */
  readonly maxEntryBytes: number;
}

export interface CacheOptions {
  readonly models: ByModel<CacheModelOptions>;
  /** Of every other model that a fleet knows; absent: these are not cached. */
  readonly others?: CacheModelOptions | undefined;
  /** Part of keys in the place of a fleet that is not named: gateways with other default fleets may share the store. */
  readonly defaultFleet: string;
  /** Larger requests (once every value is written out) are not looked up. */
  readonly maxRequestBytes: number;
  /** Before every key in the store. */
  readonly keyPrefix: string;
  /** Metadata fields that answers depend on ("authorization", a tenant's name), lower case: part of the key. */
  readonly vary: readonly string[];
}

export interface CacheDeps {
  readonly store: ResponseStore;
  readonly view: Pick<ModelView, 'defaultVersion' | 'incarnation' | 'knows'>;
  readonly observer: Pick<Observer, 'cache'>;
}

const signatureOf = ({ signature }: Target): string => (signature === '' ? defaultSignature : signature);

/** A message that asks for something else than its call was routed by has another answer. It says nothing of fleets. */
const isSame = (said: Target, target: Target): boolean =>
  said.model === target.model &&
  (said.version === undefined || said.version === target.version) &&
  said.label === undefined &&
  signatureOf(said) === signatureOf(target);

/** A call whose answer may be in the store. */
interface Lookup {
  readonly target: ModelRef;
  readonly version: bigint;
  readonly signature: string;
  readonly incarnation: string;
  readonly key: Buffer;
  /** The key as the store has it. */
  readonly name: string;
  readonly rules: CacheModelOptions;
}

/** The words of a list that may come in several fields. */
function wordsOf({ metadata }: Call, name: string): readonly string[] {
  return (
    allMetadata(metadata, name)
      ?.toLowerCase()
      .split(/[\s,]+/) ?? []
  );
}

/** What the client's metadata allows: RFC 9111's no-cache (answer afresh) and no-store, or x-tensorgate-cache: skip. */
function wish(call: Call): 'use' | 'refresh' | 'skip' {
  if (wordsOf(call, 'x-tensorgate-cache').includes('skip')) return 'skip';
  const words = wordsOf(call, 'cache-control');
  if (words.includes('no-store')) return 'skip';
  return words.includes('no-cache') ? 'refresh' : 'use';
}

/**
 * Creates the filter that answers unary Predict calls of the models in `models` and `others` from the store, and
 * stores answers for `ttlMs`. Cache-Control of the request (no-cache, no-store; RFC 9111 §5.2.1) is honoured; calls
 * with a label or a sequence, and requests that do not decode or exceed `maxRequestBytes`, pass.
 */
export function cacheFilter(options: CacheOptions, deps: CacheDeps): Filter {
  const { store, view, observer } = deps;
  const { models, others } = options;

  function rulesOf(call: Call): CacheModelOptions | undefined {
    const { method, target } = call;
    if (call.kind !== 'unary' || target === undefined || call.sequence !== undefined) return undefined;
    if (method.api !== 'tfs' || method.name !== 'Predict') return undefined;
    return models.get(target) ?? (others !== undefined && view.knows(target) ? others : undefined);
  }

  /** What to look up, or undefined when this call's answer cannot be told from others' by its tensors. */
  async function lookupOf(call: Call, rules: CacheModelOptions): Promise<Lookup | undefined> {
    const { target } = call;
    // Which version a label means is the backend's to know, and changes there.
    if (target === undefined || target.label !== undefined) return undefined;
    const version = target.version ?? view.defaultVersion(target);
    if (version === undefined) return undefined;
    const bytes = await requestMessage(call, options.maxRequestBytes);
    if (bytes === undefined || !isPlainPredict(bytes) || !isUnambiguousPredict(bytes)) return undefined;
    const { fleet = options.defaultFleet, model, signature } = target;
    const incarnation = view.incarnation(target, version);
    try {
      const { spec, inputs, outputFilter } = decodePredictRequest(bytes, options.maxRequestBytes);
      if (spec === undefined || !isSame(targetOf(spec), target)) return undefined;
      const vary = options.vary.map((name) => allMetadata(call.metadata, name));
      const key = cacheKey({ fleet, model, version, incarnation, signature, outputFilter, inputs, vary });
      return {
        target,
        version,
        signature: signatureOf(target),
        incarnation,
        key,
        name: `${options.keyPrefix}${key.toString('base64url')}`,
        rules,
      };
    } catch {
      // The backend says what is wrong with it.
      return undefined;
    }
  }

  /** The answer, or whether a fresh one should be stored. */
  async function find({ key, name, target, rules }: Lookup): Promise<Uint8Array | boolean> {
    const found = await store.get(name, rules.maxEntryBytes + envelopeBytes);
    if (found === 'unavailable') {
      observer.cache(target, 'skip');
      return false;
    }
    if (found === 'absent') {
      observer.cache(target, 'miss');
      return true;
    }
    const answer = found === 'failed' ? undefined : open(key, found);
    observer.cache(target, answer === undefined ? 'error' : 'hit');
    return answer ?? true;
  }

  /**
   * True when this answer is what was asked for, as far as it says, and the version is still the one that was loaded
   * then.
   */
  function isOf({ target, version, signature, incarnation }: Lookup, answer: Uint8Array): boolean {
    if (view.incarnation(target, version) !== incarnation) return false;
    try {
      const { spec } = decodePredictResponse(answer);
      if (spec === undefined) return true;
      return (
        (spec.name === '' || spec.name === target.model) &&
        (spec.version === undefined || spec.version === version) &&
        (spec.signature === '' || spec.signature === signature)
      );
    } catch {
      return false;
    }
  }

  async function askAndStore(next: Handler, call: UnaryCall, lookup: Lookup): Promise<Reply> {
    const { rules, target, key, name } = lookup;
    return copyReply(await next(call), rules.maxEntryBytes, (answer) => {
      if (!isOf(lookup, answer)) return;
      void store.set(name, seal(key, answer), rules.ttlMs).then((outcome) => {
        if (outcome === 'stored') observer.cache(target, 'store');
        else if (outcome === 'failed') observer.cache(target, 'error');
      });
    });
  }

  return (next) => async (call) => {
    const rules = rulesOf(call);
    if (rules === undefined || call.kind !== 'unary' || call.target === undefined) return next(call);
    const wanted = wish(call);
    const lookup = wanted === 'skip' ? undefined : await lookupOf(call, rules);
    if (lookup === undefined) {
      observer.cache(call.target, 'skip');
      return next(call);
    }
    const found = wanted === 'refresh' || (await find(lookup));
    if (found instanceof Uint8Array) return replyOf(found, 'cache');
    return found ? askAndStore(next, call, lookup) : next(call);
  };
}
