/**
 * PNG to pixels and back, on node:zlib (PNG specification, third edition).
 * Our own because the output must be bounded before it is inflated; interlaced files are refused for the same reason.
 */
import { crc32, deflateSync, inflateSync } from 'node:zlib';
import { Code, StatusError } from '../../base/status.ts';
import type { Image } from './image.ts';

export const pngSignature: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Samples per pixel of each colour type: grey, RGB, palette, grey and alpha, RGB and alpha. */
const channelsOf: ReadonlyMap<number, number> = new Map([
  [0, 1],
  [2, 3],
  [3, 1],
  [4, 2],
  [6, 4],
]);

function bad(text: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, `Invalid PNG data: ${text}\n\t [[{{node DecodeImage}}]]`);
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly channels: number;
}

/** Chunks are length, type, data, CRC; the CRC is not checked, zlib's own checksum is. */
function chunksOf(bytes: Buffer): { header: Buffer; palette: Buffer; data: Buffer } {
  let header: Buffer | undefined;
  let palette: Buffer = Buffer.alloc(0);
  const data: Buffer[] = [];
  for (let at = pngSignature.length; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > bytes.length) throw bad(`chunk ${type} is cut short`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (type === 'IHDR') header = body;
    else if (type === 'PLTE') palette = body;
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header === undefined || header.length !== 13) throw bad('no header');
  return { header, palette, data: Buffer.concat(data) };
}

function readHeader(chunk: Buffer, maxPixels: number): Header {
  const width = chunk.readUInt32BE(0);
  const height = chunk.readUInt32BE(4);
  const [depth = 0, colour = 0] = chunk.subarray(8);
  if (width === 0 || height === 0) throw bad('no pixels');
  if (width * height > maxPixels) throw bad(`${width} x ${height} is over the limit of ${maxPixels} pixels`);
  const channels = channelsOf.get(colour);
  if (channels === undefined) throw bad(`colour type ${colour}`);
  if (![1, 2, 4, 8, 16].includes(depth) || (depth < 8 && channels > 1) || (depth === 16 && colour === 3)) {
    throw bad(`${depth} bits a sample with colour type ${colour}`);
  }
  if (chunk[12] !== 0) throw bad('interlaced files are not supported');
  return { width, height, depth, colour, channels };
}

/** Undoes the row filters in place: each row is a filter type and `stride` bytes. */
function unfilter(data: Uint8Array, height: number, stride: number, step: number): void {
  for (let y = 0; y < height; y++) {
    const row = y * (stride + 1) + 1;
    const type = data[row - 1] as number;
    if (type > 4) throw bad(`filter type ${type}`);
    for (let x = 0; x < stride; x++) {
      const left = x < step ? 0 : (data[row + x - step] as number);
      const up = y === 0 ? 0 : (data[row + x - stride - 1] as number);
      const upLeft = y === 0 || x < step ? 0 : (data[row + x - stride - 1 - step] as number);
      let predicted = 0;
      if (type === 1) predicted = left;
      else if (type === 2) predicted = up;
      else if (type === 3) predicted = (left + up) >> 1;
      else if (type === 4) predicted = paeth(left, up, upLeft);
      data[row + x] = ((data[row + x] as number) + predicted) & 0xff;
    }
  }
}

function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toUpLeft = Math.abs(estimate - upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

/**
 * Decodes a PNG to RGB, three bytes for each pixel.
 * @throws StatusError INVALID_ARGUMENT for what is no PNG, or larger than `maxPixels`
 */
export function decodePng(encoded: Uint8Array, maxPixels: number): Image {
  const chunks = chunksOf(Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length));
  const { width, height, depth, colour, channels } = readHeader(chunks.header, maxPixels);
  const stride = Math.ceil((width * channels * depth) / 8);
  const size = height * (stride + 1);
  let data: Buffer;
  try {
    data = inflateSync(chunks.data, { maxOutputLength: size });
  } catch (reason) {
    throw bad(reason instanceof Error ? reason.message : String(reason));
  }
  if (data.length !== size) throw bad(`expected ${size} bytes of pixels, got ${data.length}`);
  unfilter(data, height, stride, Math.max(1, (channels * depth) / 8));

  const sample = (row: number, index: number): number => {
    if (depth >= 8) return data[row + index * (depth / 8)] as number; // the high byte of 16 bits
    const bit = index * depth;
    const value = ((data[row + (bit >> 3)] as number) >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    return colour === 3 ? value : Math.round((value * 255) / ((1 << depth) - 1));
  };
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const row = y * (stride + 1) + 1;
    for (let x = 0; x < width; x++) {
      const to = (y * width + x) * 3;
      const first = sample(row, x * channels);
      for (let c = 0; c < 3; c++) {
        if (colour === 3) rgb[to + c] = chunks.palette[first * 3 + c] ?? 0;
        else rgb[to + c] = channels < 3 ? first : sample(row, x * channels + c);
      }
    }
  }
  return { width, height, rgb };
}

function chunk(type: string, body: Uint8Array): Buffer {
  const typed = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, crc]);
}

/** 8-bit RGB, no filters. */
export function encodePng(image: Image): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(image.width, 0);
  header.writeUInt32BE(image.height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const stride = image.width * 3;
  const rows = Buffer.alloc(image.height * (stride + 1));
  for (let y = 0; y < image.height; y++) {
    rows.set(image.rgb.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  }
  return Buffer.concat([
    Buffer.from(pngSignature),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
