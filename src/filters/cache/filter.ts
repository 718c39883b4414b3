/** The response cache: a Predict that was answered before is answered from the store, whichever door it comes through. */
import {
  allMetadata,
  type Call,
  type Filter,
  type Handler,
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
import { envelopeBytes, open, seal } from './envelope.ts';
import { cacheKey } from './key.ts';
import { copyReply } from './reply.ts';
import { requestMessage } from '../request-message.ts';
import { isPlainPredict } from './request.ts';
import type { ResponseStore } from './store.ts';

export interface CacheModelOptions {
  readonly ttlMs: number;
  /** Larger answers are not stored. */
  readonly maxEntryBytes: number;
}

export interface CacheOptions {
  /** By model name; "*" stands for every other model that the fleet knows. Others are not cached. */
  readonly models: Readonly<Record<string, CacheModelOptions>>;
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

/** A message that asks for something else than its call was routed by has another answer. */
const isSame = (said: Target, target: Target): boolean =>
  said.model === target.model &&
  (said.version === undefined || said.version === target.version) &&
  said.label === undefined &&
  signatureOf(said) === signatureOf(target);

/** A call whose answer may be in the store. */
interface Lookup {
  readonly model: string;
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

export function cacheFilter(options: CacheOptions, deps: CacheDeps): Filter {
  const { store, view, observer } = deps;
  const byModel = new Map(Object.entries(options.models));
  const everyOther = byModel.get('*');

  function rulesOf(call: Call): CacheModelOptions | undefined {
    const { method, target } = call;
    if (call.kind !== 'unary' || target === undefined || call.sequence !== undefined) return undefined;
    if (method.api !== 'tfs' || method.name !== 'Predict') return undefined;
    return byModel.get(target.model) ?? (view.knows(target.model) ? everyOther : undefined);
  }

  /** What to look up, or undefined when this call's answer cannot be told from others' by its tensors. */
  async function lookupOf(call: Call, rules: CacheModelOptions): Promise<Lookup | undefined> {
    const { target } = call;
    // Which version a label means is the backend's to know, and changes there.
    if (target === undefined || target.label !== undefined) return undefined;
    const version = target.version ?? view.defaultVersion(target.model);
    if (version === undefined) return undefined;
    const bytes = await requestMessage(call, options.maxRequestBytes);
    if (bytes === undefined || !isPlainPredict(bytes) || !isUnambiguousPredict(bytes)) return undefined;
    const { model, signature } = target;
    const incarnation = view.incarnation(model, version);
    try {
      const { spec, inputs, outputFilter } = decodePredictRequest(bytes, options.maxRequestBytes);
      if (spec === undefined || !isSame(targetOf(spec), target)) return undefined;
      const vary = options.vary.map((name) => allMetadata(call.metadata, name));
      const key = cacheKey({ model, version, incarnation, signature, outputFilter, inputs, vary });
      return {
        model,
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
  async function find({ key, name, model, rules }: Lookup): Promise<Uint8Array | boolean> {
    const found = await store.get(name, rules.maxEntryBytes + envelopeBytes);
    if (found === 'unavailable') {
      observer.cache(model, 'skip');
      return false;
    }
    if (found === 'absent') {
      observer.cache(model, 'miss');
      return true;
    }
    const answer = found === 'failed' ? undefined : open(key, found);
    observer.cache(model, answer === undefined ? 'error' : 'hit');
    return answer ?? true;
  }

  /** True when this answer is what was asked for, as far as it says, and the version is still the one that was loaded then. */
  function isOf({ model, version, signature, incarnation }: Lookup, answer: Uint8Array): boolean {
    if (view.incarnation(model, version) !== incarnation) return false;
    try {
      const { spec } = decodePredictResponse(answer);
      if (spec === undefined) return true;
      return (
        (spec.name === '' || spec.name === model) &&
        (spec.version === undefined || spec.version === version) &&
        (spec.signature === '' || spec.signature === signature)
      );
    } catch {
      return false;
    }
  }

  async function askAndStore(next: Handler, call: UnaryCall, lookup: Lookup): Promise<Reply> {
    const { rules, model, key, name } = lookup;
    return copyReply(await next(call), rules.maxEntryBytes, (answer) => {
      if (!isOf(lookup, answer)) return;
      void store.set(name, seal(key, answer), rules.ttlMs).then((outcome) => {
        if (outcome === 'stored') observer.cache(model, 'store');
        else if (outcome === 'failed') observer.cache(model, 'error');
      });
    });
  }

  return (next) => async (call) => {
    const rules = rulesOf(call);
    if (rules === undefined || call.kind !== 'unary' || call.target === undefined) return next(call);
    const wanted = wish(call);
    const lookup = wanted === 'skip' ? undefined : await lookupOf(call, rules);
    if (lookup === undefined) {
      observer.cache(call.target.model, 'skip');
      return next(call);
    }
    const found = wanted === 'refresh' || (await find(lookup));
    if (found instanceof Uint8Array) return replyOf(found, 'cache');
    return found ? askAndStore(next, call, lookup) : next(call);
  };
}
