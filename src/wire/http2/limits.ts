/** What one HTTP/2 connection may cost; beyond it the peer is told and, for floods, cut off. */

export interface Http2Limits {
  /** Streams the peer may have open at once; more are refused (a client end takes no streams). */
  readonly maxConcurrentStreams: number;
  /** Sum of name and value lengths and 32 a field, in bytes (RFC 9113 §6.5.2). */
  readonly maxHeaderListBytes: number;
  readonly maxHeaderFields: number;
  /** Bytes of one header block in several frames; twice maxHeaderListBytes when absent. */
  readonly maxHeaderBlockBytes?: number;
  /** CONTINUATION frames of one header block. */
  readonly maxContinuations: number;
  /** What a peer may send ahead on one stream, in bytes: the memory that a stalled call can hold. */
  readonly initialWindowBytes: number;
  /** The same for the connection as a whole. */
  readonly connectionWindowBytes: number;
  /** Queued output of one stream at which write() says stop, in bytes; onDrain comes at a quarter of it. */
  readonly highWaterBytes: number;
  /** Output that waits for a peer that does not read, beyond the streams' own, in bytes. */
  readonly maxControlBytes: number;
  /** Entries of one SETTINGS frame; there are six settings. */
  readonly maxSettings: number;
  /** WINDOW_UPDATE frames for each stream and each DATA frame that was sent; more are counted as a flood. */
  readonly updatesPerFrame: number;
  /** Frames that carry nothing (PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA): so many at once ... */
  readonly burstFrames: number;
  /** ... and so many a second from then on. */
  readonly framesPerSecond: number;
  /**
   * A stream that the peer resets in this time, in ms, counts as reset; later ones are bounded by
   * maxConcurrentStreams.
   */
  readonly prematureMs: number;
  /**
   * Streams that the peer reset too early (CVE-2023-44487) or made this end reset (CVE-2025-8671): so many at once
   * ...
   */
  readonly burstResets: number;
  /** ... and so many a second from then on. */
  readonly resetsPerSecond: number;
  /** Streams that this client end cancels: so many at once ... */
  readonly burstCancels: number;
  /** ... and so many a second from then on; others stay open, unheard, until their turn. */
  readonly cancelsPerSecond: number;
}

export const defaultServerLimits: Http2Limits = {
  // gRPC clients multiplex everything over one connection; 256 is what most proxies allow at least
  maxConcurrentStreams: 256,
  // gRPC's metadata limit is 8 KiB by default; browsers' cookies need more
  maxHeaderListBytes: 65_536,
  maxHeaderFields: 256,
  // a block of 64 KiB takes 4 frames; some senders split smaller
  maxContinuations: 16,
  // an image tensor of 600 KB in one go, without a round trip
  initialWindowBytes: 1_048_576,
  connectionWindowBytes: 16_777_216,
  highWaterBytes: 262_144,
  maxControlBytes: 65_536,
  maxSettings: 32,
  updatesPerFrame: 10,
  burstFrames: 5000,
  framesPerSecond: 500,
  // shorter than deadlines are; one connection can have 2560 calls a second cancelled, no more than it can have
  // answered
  prematureMs: 100,
  // a client that leaves a page or loses a race cancels hundreds of calls at once
  burstResets: 1000,
  resetsPerSecond: 100,
  // servers cut connections for it: nghttp2, and with it every one in Node, allows 1000 at once and 33 a second
  burstCancels: 500,
  cancelsPerSecond: 30,
};

/** Backends are ours, so floods are less of a worry than a deep pipe; the same bounds hold all the same. */
export const defaultClientLimits: Http2Limits = {
  ...defaultServerLimits,
  maxHeaderListBytes: 131_072,
  // beyond it a list is read to its end for its status: a server's error may quote the request
  maxHeaderBlockBytes: 2_097_152,
  maxContinuations: 160,
  framesPerSecond: 2000,
  // each reset answers a call of ours, so that their number is ours to choose: an overloaded backend refuses many
  burstResets: 10_000,
  resetsPerSecond: 10_000,
};

/** What may wait for a peer that does not read, in bytes: DATA to the brim of the socket, and control frames. */
export function maxWaitingBytes({ highWaterBytes, maxControlBytes }: Http2Limits): number {
  return 2 * highWaterBytes + maxControlBytes + 262_144;
}
