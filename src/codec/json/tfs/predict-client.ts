/** The other side of TensorFlow Serving's REST API: requests to its servers, and their replies. */
import { Buffer } from 'node:buffer';
import { Code, StatusError } from '../../../base/status.ts';
import { type NamedChunks, type Chunks, tensorOf } from '../../tensor-chunks.ts';
import { elementsOf, type Signature } from '../../tensor.ts';
import { readRoot, readWhole, skip } from '../body.ts';
import { chunksOfEncoded } from '../encoded-parts.ts';
import { invalid, type JsonLimits } from '../limits.ts';
import { NestedWriter } from '../nested-writer.ts';
import { Slice } from '../slice.ts';
import { Text } from '../text.ts';
import { runFor } from '../value-writers.ts';
import { readColumns } from './columns.ts';

/** A name that makes the writer choose base64, which holds every byte string. */
const asBase64 = '_bytes';

/**
 * The columnar body of a predict request, with every input named.
 * @throws StatusError INVALID_ARGUMENT for a dtype that JSON has no values for
 */
export function encodePredictRequestJson(signature: string, inputs: NamedChunks): Chunks {
  const json: Uint8Array[] = [];
  let text = `{${signature === '' ? '' : `"signature_name":${JSON.stringify(signature)},`}"inputs":{`;
  let comma = '';
  for (const [name, tensor] of inputs) {
    const run = runFor(asBase64, tensorOf(tensor));
    if (run === undefined && elementsOf(tensor.shape) > 0)
      throw invalid(`input ${name} is ${tensor.dtype}, which JSON has no values for`);
    json.push(Buffer.from(`${text}${comma}${JSON.stringify(name)}:`));
    comma = ',';
    text = '';
    const slice = new Slice();
    const nested = new NestedWriter(tensor.shape, run ?? ((_slice, _first, _from, end) => end)).begin(0);
    while (!nested.run(slice)) json.push(slice.take());
    json.push(slice.take());
  }
  json.push(Buffer.from(`${text}}}`));
  return json;
}

/**
 * The outputs of a columnar reply.
 * @param signature which says their dtypes, as JSON does not
 * @throws StatusError INVALID_ARGUMENT when it is no such reply
 */
export function decodePredictReplyJson(
  body: Uint8Array,
  signature: Signature,
  limits: JsonLimits,
): NamedChunks {
  const text = new Text(limits.maxDepth, body);
  const outputs: Signature = { ...signature, inputs: signature.outputs };
  const options = { limits, strictDtypes: false, extraDtypes: true };
  let found: NamedChunks | undefined;
  readWhole(
    readRoot(text, function* (name) {
      if (name !== 'outputs') yield* skip(text);
      else {
        const tensors = yield* readColumns(text, outputs, options);
        found = new Map([...tensors].map(([output, tensor]) => [output, chunksOfEncoded(tensor)]));
      }
    }),
  );
  if (found === undefined) throw new StatusError(Code.INVALID_ARGUMENT, 'there are no "outputs"');
  return found;
}
