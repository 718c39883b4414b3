/**
 * For clients that leave out the batch dimension where a model's signature has one: added on the way there, and taken
 * off again.
 */
import { type ByModel, type Call, type Filter, flowOf, type Reply, type Target } from '../call/index.ts';
import {
  chunksLength,
  defaultSignature,
  dtypes,
  type InflateLimits,
  joined,
  type ModelMetadata,
  readInputOutlines,
  type Signature,
  type TensorInfo,
  type TensorOutline,
  withLeadingDimension,
  withoutLeadingDimension,
} from '../codec/index.ts';
import type { Catalog } from '../models/index.ts';
import { changedAnswer, requestOf, uncompressedCall } from './backend-call.ts';
import { BridgeMemory } from './bridge-memory.ts';

/**
 * Whose inputs get it: strings alone that have no dimension at all, whatever has one less than the signature, or
 * nobody's.
 */
export type AddBatchDimension = 'strings' | 'all' | 'off';

export interface BatchDimensionOptions extends InflateLimits {
  /** Of models that `models` does not name. */
  readonly add: AddBatchDimension;
  readonly models: ByModel<AddBatchDimension>;
}

/** A tensor of any number of rows. */
const isBatch = ({ shape }: TensorInfo): boolean => shape !== undefined && shape[0] === -1;

/** True when every input has one dimension less than the signature says, which begins with the batch. */
function lacksDimension(inputs: ReadonlyMap<string, TensorOutline>, { inputs: wanted }: Signature): boolean {
  for (const [name, { shape }] of inputs) {
    const info = wanted.get(name);
    if (info?.shape === undefined || !isBatch(info) || shape.length !== info.shape.length - 1) return false;
  }
  return true;
}

function signatureOf({ signatures }: ModelMetadata, { signature }: Target): Signature | undefined {
  return signatures.get(signature === '' ? defaultSignature : signature);
}

/**
 * Only calls that may need it are read; only those that do, as far as can be told without the signature, wait for that.
 * One whose signature cannot be had goes on as it came.
 */
export function addBatchDimension(
  options: BatchDimensionOptions,
  { catalog }: { readonly catalog: Pick<Catalog, 'known' | 'metadata'> },
): Filter {
  const { add: usual, models } = options;
  const addTo = (target: Target): AddBatchDimension => models.get(target) ?? usual;
  const onlyStrings = usual !== 'all' && ![...models.entries()].some(([, add]) => add === 'all');

  /** What the signature may have one dimension more of. */
  function isCandidate(inputs: ReadonlyMap<string, TensorOutline>, target: Target): boolean {
    if (inputs.size === 0) return false;
    if (addTo(target) === 'all') return true;
    for (const { dtypeNumber, shape } of inputs.values())
      if (dtypeNumber !== dtypes.string.number || shape.length > 0) return false;
    return true;
  }

  return (next) => {
    /** Takes the dimension off the answer to one example. */
    function single(asked: Call, { outputs }: Signature, rebuilt: BridgeMemory): Promise<Reply> {
      const drops = (name: string): boolean => {
        const info = outputs.get(name);
        return info !== undefined && (info.shape === undefined || isBatch(info));
      };
      return changedAnswer(asked, next, options, rebuilt, (message) =>
        withoutLeadingDimension(message, drops),
      );
    }

    async function look(call: Call, target: Target): Promise<Reply> {
      const rebuilt = new BridgeMemory(call.memory);
      const viewed = call.request.view();
      try {
        const pieces = await requestOf(call, options, rebuilt);
        if (pieces.length > 1) rebuilt.hold(chunksLength(pieces));
        const message = joined(pieces);
        const inputs = readInputOutlines(message);
        // the very bytes, unless they were too many to be kept
        const asItCame = (): Promise<Reply> =>
          next(call.request.retains ? call : uncompressedCall(call, flowOf(message)));
        if (inputs === undefined || !isCandidate(inputs, target)) return await asItCame();
        const metadata =
          catalog.known(target) ?? (await catalog.metadata(target, call).catch(() => undefined));
        if (call.cancellation.reason !== undefined) throw call.cancellation.reason;
        const signature = metadata && signatureOf(metadata, target);
        if (signature === undefined || !lacksDimension(inputs, signature)) return await asItCame();
        const changed = uncompressedCall(call, flowOf(withLeadingDimension(message)));
        const isSingle = [...inputs.values()].every(({ shape }) => shape.length === 0);
        return await (isSingle ? single(changed, signature, rebuilt) : next(changed));
      } finally {
        viewed();
        rebuilt.end();
      }
    }

    return (call) => {
      // nearly always; what is off costs no more than this
      if (call.scalarText !== true && onlyStrings) return next(call);
      const { target, method, kind } = call;
      if (target === undefined || kind !== 'unary' || method.api !== 'tfs' || method.name !== 'Predict')
        return next(call);
      const add = addTo(target);
      return add === 'off' || (add === 'strings' && call.scalarText !== true)
        ? next(call)
        : look(call, target);
    };
  };
}
