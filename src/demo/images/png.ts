/** PNG to pixels and back, through pngjs, which is shown nothing that has not been bounded and inflated once. */
import { inflateSync } from 'node:zlib';
import { PNG } from 'pngjs';
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

const rgbColour = 2;

function bad(text: string): StatusError {
  return new StatusError(Code.INVALID_ARGUMENT, `Invalid PNG data: ${text}\n\t [[{{node DecodeImage}}]]`);
}

interface Header {
  readonly width: number;
  readonly height: number;
  /** Bits of a sample. */
  readonly depth: number;
  /** Bytes of all rows, each with its filter type in front. */
  readonly inflatedBytes: number;
}

/** The header and the deflated pixels: chunks are length, type, data, CRC (PNG specification, third edition, 5.3). */
function chunksOf(bytes: Buffer): { header: Buffer; data: Buffer } {
  let header: Buffer | undefined;
  const data: Buffer[] = [];
  for (let at = pngSignature.length; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (at + 12 + length > bytes.length) throw bad(`chunk ${type} is cut short`);
    const body = bytes.subarray(at + 8, at + 8 + length);
    // a second header would be another size than the one that was bounded
    if ((type === 'IHDR') !== (header === undefined)) throw bad('the first chunk alone must be the header');
    if (type === 'IHDR') header = body;
    else if (type === 'IDAT') data.push(body);
    else if (type === 'IEND') break;
    at += 12 + length;
  }
  if (header === undefined || header.length !== 13) throw bad('no header');
  return { header, data: Buffer.concat(data) };
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
  // pngjs inflates interlaced files without a bound
  if (chunk[12] !== 0) throw bad('interlaced files are not supported');
  return { width, height, depth, inflatedBytes: height * (Math.ceil((width * channels * depth) / 8) + 1) };
}

/**
 * Refuses pixels that are no zlib stream of just the size that the header says. pngjs 7.0.0 does not look: on the
 * Node that this runs on it takes a broken stream for a whole one, and gives out memory that nobody has written to.
 */
function checkPixels(data: Buffer, size: number): void {
  let inflated: number;
  try {
    inflated = inflateSync(data, { maxOutputLength: size }).length;
  } catch (reason) {
    throw bad(reason instanceof Error ? reason.message : String(reason));
  }
  if (inflated !== size) throw bad(`expected ${size} bytes of pixels, got ${inflated}`);
}

/** Four samples a pixel, of 8 bits, or of 16 where the file has them. */
function samplesOf(bytes: Buffer, depth: number): Uint8Array | Uint16Array {
  try {
    // typed as Buffer, but samples of 16 bits that are not rescaled are a Uint16Array
    return PNG.sync.read(bytes, { skipRescale: depth === 16 }).data;
  } catch (reason) {
    throw bad(reason instanceof Error ? reason.message : String(reason));
  }
}

/**
 * Decodes a PNG to RGB, three bytes for each pixel.
 * @throws StatusError INVALID_ARGUMENT for what is no PNG, or larger than `maxPixels`
 */
export function decodePng(encoded: Uint8Array, maxPixels: number): Image {
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length);
  const chunks = chunksOf(bytes);
  const { width, height, depth, inflatedBytes } = readHeader(chunks.header, maxPixels);
  checkPixels(chunks.data, inflatedBytes);
  const samples = samplesOf(bytes, depth);
  const shift = depth === 16 ? 8 : 0; // the high byte, as Pillow and TensorFlow take it
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = (samples[from] as number) >> shift;
    rgb[to + 1] = (samples[from + 1] as number) >> shift;
    rgb[to + 2] = (samples[from + 2] as number) >> shift;
  }
  return { width, height, rgb };
}

/** 8-bit RGB. */
export function encodePng(image: Image): Buffer {
  const { width, height, rgb } = image;
  const png = Object.assign(new PNG({ width: 1, height: 1 }), { width, height, data: Buffer.from(rgb) });
  return PNG.sync.write(png, { colorType: rgbColour, inputColorType: rgbColour, inputHasAlpha: false });
}
