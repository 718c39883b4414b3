/**
 * Judges what an HTTP/2 connection sent, frame by frame: one answer a stream, heads that decode, nothing behind an
 * end.
 */
import { HpackDecoder } from '../../src/wire/hpack/index.ts';
import { FrameSplitter, h2 } from '../support/h2-frames.ts';
import { judgeWebBody } from './web-answers.ts';

interface StreamState {
  status: string | undefined;
  type: string;
  grpcStatuses: number;
  readonly body: Buffer[];
  over: 'no' | 'ended' | 'reset';
}

/** A header block under way. */
interface Block {
  readonly id: number;
  readonly parts: Buffer[];
  readonly end: boolean;
}

const fieldName = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113 §8.2.1: other control characters pass. */
const fieldValue = /^(?![ \t])[^\0\r\n]*(?<![ \t])$/;
const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'transfer-encoding',
  'keep-alive',
  'upgrade',
  'proxy-connection',
]);
const largestFrame = 2 ** 20;

export class Http2Judge {
  /** The first thing that was wrong. */
  wrong: string | undefined;
  goaway = false;
  /** Streams that were answered to their end, and that were reset. */
  ended = 0;
  reset = 0;
  readonly #splitter = new FrameSplitter();
  readonly #decoder = new HpackDecoder({ maxHeaderListBytes: 2 ** 22, maxHeaderFields: 100_000 });
  readonly #streams = new Map<number, StreamState>();
  #block: Block | undefined;
  #greeted = false;
  /** What came is HTTP/1: the preface was none. */
  #isHttp1 = false;

  push(chunk: Buffer): void {
    if (this.#isHttp1 || this.wrong !== undefined) return;
    if (!this.#greeted && chunk.toString('latin1', 0, 5) === 'HTTP/') {
      this.#isHttp1 = true;
      return;
    }
    try {
      for (const each of this.#splitter.push(chunk)) this.#take(each.type, each.flags, each.id, each.payload);
    } catch (error) {
      this.#fault(`cannot be read: ${(error as Error).message}`);
    }
  }

  /** Streams that have begun to be answered and have no end. */
  get unfinished(): number {
    return [...this.#streams.values()].filter(({ over }) => over === 'no').length;
  }

  #fault(text: string): void {
    this.wrong ??= text;
  }

  #stream(id: number): StreamState {
    let state = this.#streams.get(id);
    if (state === undefined) {
      state = { status: undefined, type: '', grpcStatuses: 0, body: [], over: 'no' };
      this.#streams.set(id, state);
    }
    return state;
  }

  #take(type: number, flags: number, id: number, payload: Buffer): void {
    if (payload.length > largestFrame) return this.#fault(`a frame of ${payload.length} bytes`);
    if (!this.#greeted && type !== h2.SETTINGS) return this.#fault(`the first frame is of type ${type}`);
    this.#greeted = true;
    if (this.#block !== undefined && (type !== h2.CONTINUATION || id !== this.#block.id))
      return this.#fault('something within a header block');
    const end = (flags & h2.END_STREAM) !== 0;
    switch (type) {
      case h2.HEADERS:
        if ((flags & (h2.PADDED | h2.PRIORITY_FLAG)) !== 0) return this.#fault('padding or priority');
        this.#block = { id, parts: [payload], end };
        if ((flags & h2.END_HEADERS) !== 0) this.#fields();
        return;
      case h2.CONTINUATION:
        if (this.#block === undefined) return this.#fault('CONTINUATION without HEADERS');
        this.#block.parts.push(payload);
        if ((flags & h2.END_HEADERS) !== 0) this.#fields();
        return;
      case h2.DATA: {
        const state = this.#stream(id);
        if (state.status === undefined) return this.#fault(`DATA before a head on stream ${id}`);
        if (state.over !== 'no') return this.#fault(`DATA behind the end of stream ${id}`);
        state.body.push(Buffer.from(payload));
        if (end) this.#end(id, state);
        return;
      }
      case h2.RST_STREAM: {
        if (id === 0) return this.#fault('RST_STREAM of stream 0');
        const state = this.#stream(id);
        if (state.over === 'reset') return this.#fault(`stream ${id} is reset twice`);
        if (state.over === 'no') this.reset++;
        state.over = 'reset';
        return;
      }
      case h2.GOAWAY:
        this.goaway = true;
        return;
      case h2.SETTINGS:
      case h2.PING:
        if (id !== 0) this.#fault(`frame type ${type} on stream ${id}`);
        return;
      case h2.WINDOW_UPDATE:
        if (payload.length !== 4 || (payload.readUInt32BE() & 0x7fffffff) === 0)
          this.#fault('WINDOW_UPDATE of nothing');
        return;
      default:
        this.#fault(`frame type ${type}`);
    }
  }

  #fields(): void {
    const { id, parts, end } = this.#block as Block;
    this.#block = undefined;
    if (id % 2 === 0) return this.#fault(`HEADERS on stream ${id}`);
    const fields = this.#decoder.decode(Buffer.concat(parts)) ?? [];
    const state = this.#stream(id);
    if (state.over !== 'no') return this.#fault(`HEADERS behind the end of stream ${id}`);
    const isHead = state.status === undefined;
    let status: string | undefined;
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i] as string;
      const value = fields[i + 1] as string;
      if (!fieldName.test(name) || forbidden.has(name))
        return this.#fault(`a field is named ${JSON.stringify(name)}`);
      if (!fieldValue.test(value))
        return this.#fault(`field ${name} is ${JSON.stringify(value.slice(0, 100))}`);
      if (name === ':status' && isHead && status === undefined && i === 0) status = value;
      else if (name.startsWith(':')) return this.#fault(`${name} where it may not be`);
      // in trailers it is metadata like any other
      if (name === 'content-type' && isHead) state.type = value;
      if (name === 'grpc-status') state.grpcStatuses++;
    }
    if (isHead) {
      if (status === undefined || !/^[1-5]\d\d$/.test(status))
        return this.#fault(`:status is ${String(status)}`);
      if (status.startsWith('1')) {
        if (end) this.#fault('an informational head that ends the stream');
        return;
      }
      state.status = status;
    } else if (!end) return this.#fault(`a second head on stream ${id}`);
    if (end) this.#end(id, state);
  }

  #end(id: number, state: StreamState): void {
    state.over = 'ended';
    this.ended++;
    const body = Buffer.concat(state.body);
    state.body.length = 0;
    if (state.status !== '200') return;
    if (/^application\/grpc($|\+)/.test(state.type)) {
      if (state.grpcStatuses !== 1) this.#fault(`stream ${id} has ${state.grpcStatuses} times grpc-status`);
    } else if (state.type.startsWith('application/grpc-web')) {
      // trailers-only: the status stands in the head
      const wrong =
        state.grpcStatuses === 1 && body.length === 0 ? undefined : judgeWebBody(state.type, body);
      if (wrong !== undefined) this.#fault(`stream ${id}: ${wrong}`);
    }
  }
}
