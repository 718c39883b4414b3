/** The bodies of V2 infer requests and replies: JSON, and behind it the bytes of the tensors that are not in it. */
import { joinInto } from '../../../base/bytes.ts';
import type { TensorChunks } from '../../tensor-chunks.ts';
import {
  noParameters,
  parametersByName,
  type V2InferRequest,
  type V2InferResponse,
  type V2RequestedOutput,
  withoutCarriage,
} from '../../v2.ts';
import { readRoot, readWhole, skip } from '../body.ts';
import { BodyTooLarge, invalid } from '../limits.ts';
import { Text } from '../text.ts';
import { BinarySection, readTensors, type TensorOptions, type V2JsonTensor } from './tensors.ts';
import { isNull, Once, readList, readObject, readParameters, readText } from './values.ts';

/** Collects a body. */
export class V2Body {
  keepsChunks = true;
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws BodyTooLarge */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) throw new BodyTooLarge(this.#maxBytes);
    this.keepsChunks = joinInto(this.#chunks, chunk);
  }

  finish(): Uint8Array {
    return this.#chunks.length === 1 ? (this.#chunks[0] as Uint8Array) : Buffer.concat(this.#chunks);
  }
}

/** JSON and the bytes behind it. @param headerBytes how long the JSON is; undefined when it is all there is */
function cut(body: Uint8Array, headerBytes: number | undefined): [json: Uint8Array, binary: BinarySection] {
  const end = headerBytes ?? body.length;
  if (end > body.length)
    throw invalid(
      `the body has ${body.length} bytes, its JSON alone should have ${end} (inference-header-content-length)`,
    );
  return [body.subarray(0, end), new BinarySection(body.subarray(end))];
}

interface Members {
  id: string;
  version: string;
  parameters: V2InferRequest['parameters'];
  tensors: readonly V2JsonTensor[] | undefined;
  readonly outputs: V2RequestedOutput[];
}

/** What is read; others may come as often as they like. */
const requestMembers = new Set(['id', 'parameters', 'inputs', 'outputs']);
const replyMembers = new Set([...requestMembers, 'model_version']);
const outputMembers = new Set(['name', 'parameters']);

function decode(
  body: Uint8Array,
  headerBytes: number | undefined,
  isRequest: boolean,
  options: TensorOptions,
): Members {
  const [json, binary] = cut(body, headerBytes);
  const text = new Text(options.limits.maxDepth, json);
  const found: Members = { id: '', version: '', parameters: noParameters, tensors: undefined, outputs: [] };
  const tensorsKey = isRequest ? 'inputs' : 'outputs';
  const known: ReadonlySet<string> = isRequest ? requestMembers : replyMembers;
  const once = new Once();
  readWhole(
    readRoot(text, function* (name) {
      if (known.has(name)) once.see(name);
      if (yield* isNull(text)) return;
      if (name === tensorsKey) found.tensors = yield* readTensors(text, tensorsKey, binary, options);
      else if (name === 'id') found.id = yield* readText(text, 'id');
      else if (name === 'parameters') found.parameters = yield* readParameters(text);
      else if (name === 'model_version' && !isRequest) found.version = yield* readText(text, 'model_version');
      else if (name === 'outputs') {
        yield* readList(text, 'outputs', function* () {
          let output = '';
          let parameters = noParameters;
          const members = new Once();
          yield* readObject(text, 'outputs', function* (member) {
            if (outputMembers.has(member)) members.see(member);
            if (yield* isNull(text)) return;
            if (member === 'name') output = yield* readText(text, 'name');
            else if (member === 'parameters') parameters = yield* readParameters(text);
            else yield* skip(text);
          });
          found.outputs.push({ name: output, parameters });
        });
      } else yield* skip(text);
    }),
  );
  if (found.tensors === undefined) throw invalid(`the body has no "${tensorsKey}"`);
  if (binary.left > 0) throw invalid(`${binary.left} bytes behind the JSON belong to no tensor`);
  return found;
}

function named(tensors: readonly V2JsonTensor[]): Map<string, TensorChunks> {
  return new Map(tensors.map(({ name, tensor }) => [name, tensor]));
}

/**
 * Reads a request. Where `data` stands before `datatype` in an input, it is passed over first and read then.
 * @throws StatusError INVALID_ARGUMENT, RESOURCE_EXHAUSTED beyond a limit
 */
export function decodeV2InferJson(
  body: Uint8Array,
  headerBytes: number | undefined,
  options: TensorOptions,
): Omit<V2InferRequest, 'model' | 'version'> {
  const { id, parameters, tensors, outputs } = decode(body, headerBytes, true, options);
  const all = tensors ?? [];
  return {
    id,
    parameters,
    inputs: named(all),
    inputParameters: parametersByName(all),
    outputs,
  };
}

/** Reads a reply. */
export function decodeV2ReplyJson(
  body: Uint8Array,
  headerBytes: number | undefined,
  options: TensorOptions,
): Omit<V2InferResponse, 'model'> {
  const { id, version, parameters, tensors } = decode(body, headerBytes, false, options);
  const all = tensors ?? [];
  return {
    id,
    version,
    parameters: withoutCarriage(parameters),
    outputs: named(all),
    outputParameters: parametersByName(all),
  };
}
