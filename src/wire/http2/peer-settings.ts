/** What the peer has set: how many streams it takes, how large their windows and frames are (RFC 9113 §6.5.2). */
import {
  ConnectionError,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  maxFrameBytes,
  maxStreamId,
  maxWindowBytes,
  Setting,
} from '../constants.ts';
import type { Sender } from './sender.ts';
import type { StreamTable } from './stream-table.ts';

/** Larger frames only make a slow peer's turns longer. */
const maxSentFrameBytes = 65_536;

/**
 * Settings of the peer, with the defaults of RFC 9113 §6.5.2 until it sends others; apply() also adjusts the
 * encoder, the frame size and the windows of open streams.
 */
export class PeerSettings {
  maxStreams = maxStreamId;
  /** Of each new stream, in bytes. */
  window = defaultWindowBytes;

  /** @throws ConnectionError for a value that is none */
  apply(id: number, value: number, sender: Sender, streams: StreamTable): void {
    switch (id) {
      case Setting.HEADER_TABLE_SIZE:
        sender.encoder.setTableSize(value);
        break;
      case Setting.ENABLE_PUSH:
        if (value > 1) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `ENABLE_PUSH of ${value}`);
        break;
      case Setting.MAX_CONCURRENT_STREAMS:
        this.maxStreams = value;
        break;
      case Setting.INITIAL_WINDOW_SIZE:
        this.#setWindow(value, streams);
        break;
      case Setting.MAX_FRAME_SIZE:
        if (value < defaultFrameBytes || value > maxFrameBytes)
          throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `MAX_FRAME_SIZE of ${value}`);
        sender.frameBytes = Math.min(value, maxSentFrameBytes);
        break;
    }
  }

  /** The windows of open streams change by as much (§6.9.2), below zero too. */
  #setWindow(bytes: number, streams: StreamTable): void {
    if (bytes > maxWindowBytes)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, `INITIAL_WINDOW_SIZE of ${bytes}`);
    const change = bytes - this.window;
    this.window = bytes;
    for (const stream of streams.all()) {
      stream.sendWindow += change;
      if (stream.sendWindow > maxWindowBytes)
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'a stream window overflows');
    }
  }
}
