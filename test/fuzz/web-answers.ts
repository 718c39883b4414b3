/** Judges the body of a gRPC-Web answer that came whole: messages, then one trailer frame with a status. */

function isBase64(body: Buffer): boolean {
  return (
    body.length % 4 === 0 &&
    /^(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)*$/.test(body.toString('latin1'))
  );
}

/** Padded pieces in a row. */
function decodeText(text: string): Buffer {
  const groups = text.match(/.{4}/g) ?? [];
  return Buffer.concat(groups.map((group) => Buffer.from(group, 'base64')));
}

/** @returns what is wrong with it */
export function judgeWebBody(type: string, body: Buffer): string | undefined {
  let bytes = body;
  if (type.startsWith('application/grpc-web-text')) {
    if (!isBase64(body)) return 'the body is no base64';
    bytes = decodeText(body.toString('latin1'));
  }
  for (let at = 0; at < bytes.length;) {
    if (bytes.length < at + 5) return 'a frame is cut within its prefix';
    const flag = bytes[at] as number;
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (bytes.length < end) return 'a frame is cut';
    if ((flag & 0x80) !== 0) {
      const lines = bytes.toString('latin1', at + 5, end).split('\r\n');
      const statuses = lines.filter((line) => /^grpc-status: ?\d+$/.test(line)).length;
      if (statuses !== 1) return `the trailer frame has ${statuses} times grpc-status`;
      return end === bytes.length ? undefined : 'bytes behind the trailer frame';
    }
    at = end;
  }
  return 'there is no trailer frame';
}
