/** Payloads of the small frames that a connection writes itself. */

/** Of RST_STREAM (a code) and WINDOW_UPDATE (an increment). */
export function uint32Payload(value: number): Uint8Array {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value);
  return payload;
}

/** Payload of a SETTINGS frame (RFC 9113 §6.5.1): six bytes for each entry. */
export function settingsPayload(entries: readonly (readonly [id: number, value: number])[]): Uint8Array {
  const payload = Buffer.allocUnsafe(entries.length * 6);
  entries.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return payload;
}

/** Every peer takes frames of 16 KiB, and nobody reads that much. */
const maxGoawayText = 1024;

/** @param reason for a person who looks at the wire; cut when it is long */
export function goawayPayload(lastId: number, code: number, reason: string): Uint8Array {
  const text = reason.slice(0, maxGoawayText);
  const payload = Buffer.alloc(8 + text.length);
  payload.writeUInt32BE(lastId);
  payload.writeUInt32BE(code, 4);
  payload.write(text, 8, 'latin1');
  return payload;
}
