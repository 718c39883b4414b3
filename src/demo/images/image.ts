/** Encoded images to pixels, bounded, and what the image models compute of them. */
import { Code, StatusError } from '../../base/status.ts';
import { decodeJpeg } from './jpeg.ts';
import { decodePng, pngSignature } from './png.ts';

export interface Image {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, one byte each, row by row. */
  readonly rgb: Uint8Array;
}

/** 16 megapixels: 48 MB of RGB, a phone's photo; far above what a demo needs, far below what hurts. */
export const maxPixels = 16 * 1024 * 1024;

/**
 * JPEG or PNG, told apart by the first bytes, as tf.io.decode_image does.
 * @throws StatusError INVALID_ARGUMENT when it is neither, broken, or larger than maxPixels.
 */
export function decodeImage(bytes: Uint8Array): Image {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return decodeJpeg(bytes, maxPixels);
  if (pngSignature.every((byte, i) => bytes[i] === byte)) return decodePng(bytes, maxPixels);
  throw new StatusError(
    Code.INVALID_ARGUMENT,
    'Unknown image file format. One of JPEG, PNG required.\n\t [[{{node DecodeImage}}]]',
  );
}

/** Mean red, green and blue, 0 to 1. */
export function meanColour(image: Image): [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  const { rgb } = image;
  for (let i = 0; i < rgb.length; i += 3) {
    sums[0] += rgb[i] as number;
    sums[1] += rgb[i + 1] as number;
    sums[2] += rgb[i + 2] as number;
  }
  const scale = 255 * image.width * image.height;
  return [sums[0] / scale, sums[1] / scale, sums[2] / scale];
}

/** A square copy of `side` pixels, nearest neighbour. */
export function thumbnail(image: Image, side: number): Image {
  const rgb = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const fromY = Math.floor(((y + 0.5) * image.height) / side);
      const fromX = Math.floor(((x + 0.5) * image.width) / side);
      const from = (fromY * image.width + fromX) * 3;
      rgb.set(image.rgb.subarray(from, from + 3), (y * side + x) * 3);
    }
  }
  return { width: side, height: side, rgb };
}
