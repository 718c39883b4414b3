/** Which requests are told apart by their tensors alone. */

/** True when the message has only PredictRequest's model_spec (1), inputs (2) and output_filter (3). */
export function isPlainPredict(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++] as number;
    // One-byte tags of length-delimited fields 1 to 3: a field unknown here may ask for another answer.
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) return false;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) return false;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    at += length;
  }
  return at === bytes.length;
}
