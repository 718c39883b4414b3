/** gRPC-Web on one side, a gRPC stream on the other: what lets the gRPC call serve browsers unchanged. */
import { Code, StatusError } from '../../base/status.ts';
import { getMetadata, type Metadata, trailersOf } from '../../call/index.ts';
import { MemoryKind, type Holder, largeBytes, type MemoryAccount } from '../../memory/index.ts';
import { ErrorCode, type ServerStream, type StreamEvents } from '../../wire/index.ts';
import type { RpcHead } from '../grpc/index.ts';
import { Base64Decoder, encodeBase64 } from './base64.ts';
import { FrameAssembler } from './frame-assembler.ts';
import { type CorsHeaders, webHead } from './reply-head.ts';
import { trailerFrame } from './trailer-frame.ts';

/** The gRPC stream that a gRPC call writes to; it comes out as gRPC-Web at the HTTP stream underneath. */
class WebStream implements ServerStream, Holder {
  readonly #http: ServerStream;
  readonly #head: RpcHead;
  readonly #cors: CorsHeaders;
  readonly #assembler: FrameAssembler;
  readonly #text: boolean;
  readonly #memory: MemoryAccount;
  /** Bytes of an incomplete message that are in the account. */
  #held = 0;
  #unregister: (() => void) | undefined;
  #writable = true;
  /** The answer is out, or nobody waits for it: what still comes of the request is thrown away. */
  over = false;

  constructor(http: ServerStream, head: RpcHead, cors: CorsHeaders, memory: MemoryAccount) {
    this.#http = http;
    this.#memory = memory;
    this.#head = head;
    this.#cors = cors;
    this.#text = head.replyProtocol === 'grpc-web-text';
    this.#assembler = new FrameAssembler((parts) => {
      this.#send(parts);
    });
  }

  get id(): number {
    return this.#http.id;
  }

  get varying(): Metadata {
    return this.#http.varying;
  }

  get queuedBytes(): number {
    return this.#http.queuedBytes;
  }

  respond(fields: Metadata, end = false): void {
    // an answer without messages carries its status in a frame too: a browser's script cannot read headers that CORS
    // hides
    this.#respond(end ? fields.slice(0, 4) : fields);
    if (end) this.#end(fields.slice(2));
  }

  write(chunk: Uint8Array): boolean {
    this.#assembler.push(chunk);
    if (this.#assembler.held !== this.#held) this.#account();
    return this.#writable;
  }

  end(trailers: Metadata = []): void {
    const cut = this.#assembler.cut && getMetadata(trailers, 'grpc-status') === '0';
    this.#end(
      cut
        ? trailersOf(new StatusError(Code.INTERNAL, 'the backend ended the reply inside a message'))
        : trailers,
    );
  }

  cut(trailers: Metadata): void {
    this.drop();
    // the trailers are a part of the body here
    if (this.#http.queuedBytes > 0) this.#http.reset(ErrorCode.CANCEL);
    else this.#end(trailers);
  }

  reset(code: number): void {
    this.over = true;
    this.drop();
    this.#http.reset(code);
  }

  /** Nothing more is written. */
  drop(): void {
    this.#assembler.drop();
    this.#account();
  }

  get bytes(): number {
    return this.#held;
  }

  /** It waits for the backend, not for its reader. */
  stalledMs(): number {
    return 0;
  }

  /** The call is told by whoever made the stream. */
  evict: (reason: StatusError) => void = () => undefined;

  #account(): void {
    const { held } = this.#assembler;
    this.#memory.add(MemoryKind.messages, held - this.#held);
    this.#held = held;
    if (held < largeBytes) {
      this.#unregister?.();
      this.#unregister = undefined;
    } else this.#unregister ??= this.#memory.register(this);
  }

  credit(bytes: number): void {
    this.#http.credit(bytes);
  }

  /** The HTTP stream takes more again. */
  drained(): void {
    this.#writable = true;
  }

  #respond(fields: Metadata): void {
    this.#http.respond(webHead(fields, this.#head, this.#cors));
  }

  #end(trailers: Metadata): void {
    if (this.over) return;
    this.over = true;
    if (this.#held > 0) this.drop();
    this.#send([trailerFrame(trailers[0] === 'content-type' ? trailers.slice(2) : trailers)]);
    this.#http.end();
  }

  #send(parts: Uint8Array[]): void {
    for (const bytes of this.#text ? encodeBase64(parts) : parts)
      this.#writable = this.#http.write(bytes) && this.#writable;
  }
}

export interface WebCall extends StreamEvents {
  /** The request cannot go on: the client is told why. */
  evict(reason: StatusError): void;
}

export interface WebDeps {
  /** Begins the gRPC call on the stream that it is given. */
  readonly open: (stream: ServerStream) => WebCall;
  readonly memory: MemoryAccount;
}

/** Serves a gRPC-Web request on an HTTP stream. */
export function serveWeb(
  http: ServerStream,
  head: RpcHead,
  cors: CorsHeaders,
  { open, memory }: WebDeps,
): StreamEvents {
  const stream = new WebStream(http, head, cors, memory);
  const call = open(stream);
  stream.evict = (reason) => {
    call.onReset(ErrorCode.CANCEL, false);
    stream.end(trailersOf(reason));
    http.reset(ErrorCode.NO_ERROR);
  };
  const decoder = head.protocol === 'grpc-web-text' ? new Base64Decoder() : undefined;
  const events: StreamEvents = {
    onData(chunk, memory) {
      if (stream.over) {
        memory?.release(chunk.length);
        http.credit(chunk.length);
        return;
      }
      if (decoder === undefined) {
        call.onData(chunk, memory);
        return;
      }
      try {
        const bytes = decoder.push(chunk);
        memory?.release(chunk.length);
        // the window counts base64 characters, the call decoded bytes
        http.credit(chunk.length - bytes.length);
        if (bytes.length > 0) call.onData(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      } catch (reason) {
        refuse(reason);
      }
    },
    onEnd() {
      try {
        if (!stream.over) decoder?.finish();
        call.onEnd([]);
      } catch (reason) {
        refuse(reason);
      }
    },
    onReset(code, notProcessed) {
      stream.over = true;
      stream.drop();
      call.onReset(code, notProcessed);
    },
    onDrain() {
      stream.drained();
      call.onDrain();
    },
    onTick() {
      call.onTick?.();
    },
  };
  function refuse(reason: unknown): void {
    call.evict(StatusError.from(reason));
  }
  return events;
}

/** RST_STREAM codes (RFC 9113 §7). */
