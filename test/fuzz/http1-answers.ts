/**
 * Judges what an HTTP/1 connection answered, byte by byte: heads, framing, and nothing between or behind (RFC 9112).
 */

export interface Http1Answer {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface Http1Verdict {
  readonly answers: readonly Http1Answer[];
  /** What is wrong; undefined when nothing is. */
  readonly wrong: string | undefined;
  /** The last answer is not whole, and nothing else is wrong. */
  readonly cut: boolean;
}

const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d) [\t -~\x80-\xff]*$/;
const fieldLine =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?[ \t]*$/;
const sizeLine = /^([0-9A-Fa-f]{1,12})\r\n$/;

interface Read {
  readonly answer: Http1Answer;
  readonly end: number;
  readonly untilClose: boolean;
}

/** "cut": it is not all there; other texts say what is wrong. */
type Fault = 'cut' | { readonly wrong: string };

function lineAt(bytes: Buffer, at: number): string | undefined {
  const end = bytes.indexOf('\r\n', at);
  return end === -1 ? undefined : bytes.toString('latin1', at, end);
}

function chunksAt(bytes: Buffer, from: number): { body: Buffer; end: number } | Fault {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const line = lineAt(bytes, at);
    if (line === undefined) return 'cut';
    const size = sizeLine.exec(`${line}\r\n`);
    if (size === null) return { wrong: `a chunk's size is ${JSON.stringify(line.slice(0, 60))}` };
    const length = parseInt(size[1] as string, 16);
    at += line.length + 2;
    if (length === 0) {
      const last = lineAt(bytes, at);
      if (last === undefined) return 'cut';
      return last === '' ? { body: Buffer.concat(parts), end: at + 2 } : { wrong: 'trailer fields' };
    }
    if (bytes.length < at + length + 2) return 'cut';
    if (bytes.toString('latin1', at + length, at + length + 2) !== '\r\n')
      return { wrong: 'a chunk does not end with CRLF' };
    parts.push(bytes.subarray(at, at + length));
    at += length + 2;
  }
}

/** @param isHead it answers HEAD */
function answerAt(bytes: Buffer, from: number, closed: boolean, isHead: boolean): Read | Fault {
  const head = bytes.indexOf('\r\n\r\n', from);
  if (head === -1) return 'cut';
  const [first = '', ...lines] = bytes.toString('latin1', from, head).split('\r\n');
  const match = statusLine.exec(first);
  if (match === null) return { wrong: `a status line is ${JSON.stringify(first.slice(0, 100))}` };
  const status = Number(match[1]);
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = fieldLine.exec(line);
    if (field === null) return { wrong: `a field is ${JSON.stringify(line.slice(0, 100))}` };
    const name = (field[1] as string).toLowerCase();
    if (
      fields.has(name) &&
      ['content-length', 'transfer-encoding', 'content-type', 'grpc-status'].includes(name)
    )
      return { wrong: `two fields ${name}` };
    fields.set(name, field[2] ?? '');
  }
  const at = head + 4;
  const length = fields.get('content-length');
  const coding = fields.get('transfer-encoding');
  if (length !== undefined && coding !== undefined) return { wrong: 'a length and a transfer coding' };
  const done = (body: Buffer, end: number, untilClose = false): Read => ({
    answer: { status, fields, body },
    end,
    untilClose,
  });
  const none = Buffer.alloc(0);
  if (status < 200 || status === 204 || status === 304) {
    if (status === 204 && length !== undefined) return { wrong: '204 with a length' };
    return done(none, at);
  }
  if (isHead) return done(none, at);
  if (coding !== undefined) {
    if (coding !== 'chunked') return { wrong: `transfer coding ${coding}` };
    const read = chunksAt(bytes, at);
    return read === 'cut' || 'wrong' in read ? read : done(read.body, read.end);
  }
  if (length !== undefined) {
    if (!/^\d+$/.test(length)) return { wrong: `content-length ${length}` };
    const end = at + Number(length);
    return bytes.length < end ? 'cut' : done(bytes.subarray(at, end), end);
  }
  return closed ? done(bytes.subarray(at), bytes.length, true) : 'cut';
}

/**
 * @param closed the gateway has ended the connection
 * @param methods of the requests, in order, when they are known; else any answer may be one to HEAD
 */
export function judgeHttp1(
  bytes: Buffer,
  closed: boolean,
  methods: readonly string[] | undefined,
  mayBeHead: boolean,
): Http1Verdict {
  const judge = (from: number, answers: readonly Http1Answer[], final: number): Http1Verdict => {
    if (from === bytes.length) return { answers, wrong: undefined, cut: false };
    const ways = methods !== undefined ? [methods[final] === 'HEAD'] : mayBeHead ? [false, true] : [false];
    let verdict: Http1Verdict | undefined;
    for (const isHead of ways) {
      const read = answerAt(bytes, from, closed, isHead);
      let next: Http1Verdict;
      if (read === 'cut') next = { answers, wrong: undefined, cut: true };
      else if ('wrong' in read) next = { answers, wrong: `${read.wrong}, at byte ${from}`, cut: false };
      else {
        const isFinal = read.answer.status >= 200;
        next = judge(read.end, isFinal ? [...answers, read.answer] : answers, final + (isFinal ? 1 : 0));
      }
      if (next.wrong === undefined && !next.cut) return next;
      // the reading that is least wrong counts
      if (verdict === undefined || (verdict.wrong !== undefined && next.wrong === undefined)) verdict = next;
    }
    return verdict as Http1Verdict;
  };
  return judge(0, [], 0);
}
