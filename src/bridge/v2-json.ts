/**
 * A V2 inference as a client of REST asks it: read from its body, and answered in the way that the client wants its
 * tensors.
 */
import type { Target } from '../call/index.ts';
import {
  decodeModelInferResponse,
  decodeV2InferJson,
  encodeModelInferRequest,
  encodeV2ReplyJson,
  type NonFinite,
  type TensorOptions,
  type V2InferRequest,
  type V2JsonBody,
  type V2Parameters,
  type V2RequestedOutput,
  versionTextOf,
  withoutCarriage,
} from '../codec/index.ts';
import { specOf } from '../models/index.ts';

type Asked = Omit<V2InferRequest, 'model' | 'version'>;

/** How the client wants each output: behind the JSON, or in it. */
function wantsBinary(
  parameters: V2Parameters,
  outputs: readonly V2RequestedOutput[],
): (output: string) => boolean {
  const all = parameters.get('binary_data_output') === true;
  const byName = new Map(outputs.map((output) => [output.name, output.parameters.get('binary_data')]));
  return (output) => {
    const own = byName.get(output);
    return typeof own === 'boolean' ? own : all;
  };
}

/**
 * V2 inference request that came as JSON: gives it as a ModelInferRequest, and knows which outputs go as binary
 * tensor data.
 */
export class V2Question {
  readonly #asked: Asked;
  readonly #isBinary: (output: string) => boolean;

  /** @param isBinary whether the bytes of an output go behind the JSON; as the request says it when absent */
  constructor(asked: Asked, isBinary = wantsBinary(asked.parameters, asked.outputs)) {
    this.#asked = asked;
    this.#isBinary = isBinary;
  }

  /**
   * @param headerBytes how long the JSON is; undefined when it is all there is
   * @throws StatusError INVALID_ARGUMENT, RESOURCE_EXHAUSTED beyond a limit
   */
  static read(body: Uint8Array, headerBytes: number | undefined, options: TensorOptions): V2Question {
    return new V2Question(decodeV2InferJson(body, headerBytes, options));
  }

  /** As a ModelInferRequest. */
  messageFor(target: Target): Uint8Array[] {
    const { parameters, outputs } = this.#asked;
    return encodeModelInferRequest({
      ...this.#asked,
      model: target.model,
      version: versionTextOf(specOf(target)),
      parameters: withoutCarriage(parameters),
      outputs: outputs.map(({ name, parameters: own }) => ({ name, parameters: withoutCarriage(own) })),
    });
  }

  /** The body of the answer, and the version that it says. @param message a ModelInferResponse */
  answer(
    message: Uint8Array,
    { model }: Target,
    { maxReplyBytes, nonFinite }: { readonly maxReplyBytes: number; readonly nonFinite: NonFinite },
  ): { readonly body: V2JsonBody; readonly version: string } {
    const reply = decodeModelInferResponse([message], maxReplyBytes);
    // an id that the client gave is its own; otherwise the server may have made one
    const id = this.#asked.id === '' ? reply.id : this.#asked.id;
    return {
      body: encodeV2ReplyJson({ ...reply, model, id }, this.#isBinary, nonFinite),
      version: reply.version,
    };
  }
}
