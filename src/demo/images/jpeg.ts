/** JPEG to pixels, through jpeg-js. */
import jpeg from 'jpeg-js';
import { Code, StatusError } from '../../base/status.ts';
import type { Image } from './image.ts';

/** jpeg-js counts its planes, coefficients and output: about 20 bytes a pixel. */
const bytesPerPixel = 24;

/**
 * Decodes a JPEG to RGB, three bytes for each pixel.
 * @throws StatusError INVALID_ARGUMENT for what is no JPEG, or larger than `maxPixels`
 */
export function decodeJpeg(bytes: Uint8Array, maxPixels: number): Image {
  try {
    const { width, height, data } = jpeg.decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxResolutionInMP: maxPixels / 1e6,
      maxMemoryUsageInMB: (maxPixels * bytesPerPixel) / (1024 * 1024),
    });
    return { width, height, rgb: data };
  } catch (reason) {
    const text = reason instanceof Error ? reason.message : String(reason);
    throw new StatusError(Code.INVALID_ARGUMENT, `Invalid JPEG data: ${text}\n\t [[{{node DecodeImage}}]]`);
  }
}
