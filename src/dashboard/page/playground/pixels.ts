/** Pictures as numbers: which inputs can be a picture, and what becomes of its pixels. */
import type { TensorInfo } from '../../../../clients/web/src/messages.ts';
import { type Tensor, tensor } from '../../../../clients/web/src/tensor.ts';

/** The picture that an input takes, one image at a time. */
export interface PictureShape {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** Of the whole tensor, with a batch of one. */
  readonly shape: readonly number[];
}

const minSide = 4;
const maxSide = 1024;
const numeric: ReadonlySet<string> = new Set(['float32', 'float64', 'float16', 'bfloat16', 'uint8', 'int32']);

/** [batch, h, w, c], [batch, h, w], or [batch, n] with n a square number; undefined for what is no picture. */
export function pictureOf({ dtype, shape }: TensorInfo): PictureShape | undefined {
  if (shape === undefined || shape.length < 2 || !numeric.has(dtype)) return undefined;
  const [batch = -1, ...sizes] = shape;
  if (batch !== -1 && batch !== 1) return undefined;
  const fits = (size: number | undefined): size is number =>
    size !== undefined && size >= minSide && size <= maxSide;
  const [height, width, channels] = sizes;
  if (sizes.length === 1 && height !== undefined) {
    const side = Math.sqrt(height);
    return Number.isInteger(side) && fits(side)
      ? { height: side, width: side, channels: 1, shape: [1, height] }
      : undefined;
  }
  if (!fits(height) || !fits(width)) return undefined;
  if (sizes.length === 2) return { height, width, channels: 1, shape: [1, height, width] };
  if (sizes.length === 3 && (channels === 1 || channels === 3))
    return { height, width, channels, shape: [1, height, width, channels] };
  return undefined;
}

/** What the brightest pixel becomes. Small grey pictures are commonly the UCI digits, which count to 16. */
export const defaultMax = ({ height, channels }: PictureShape, dtype: string): number =>
  height === 8 && channels === 1 ? 16 : dtype === 'uint8' || dtype === 'int32' ? 255 : 1;

/**
 * The input tensor for pixels.
 * @param grey rows of red, green, blue, alpha as a canvas gives them, of the picture's own size
 * @param max what 255 becomes
 */
export function picturesTensor(
  rgba: Uint8ClampedArray,
  picture: PictureShape,
  info: TensorInfo,
  max: number,
): Tensor {
  const { height, width, channels, shape } = picture;
  const values: number[] = [];
  for (let i = 0; i < height * width; i++) {
    const [red, green, blue] = [rgba[i * 4] ?? 0, rgba[i * 4 + 1] ?? 0, rgba[i * 4 + 2] ?? 0];
    const parts = channels === 3 ? [red, green, blue] : [0.299 * red + 0.587 * green + 0.114 * blue];
    values.push(...parts.map((part) => (part / 255) * max));
  }
  return greyTensor(values, info, shape);
}

/**
 * Creates a tensor from pixel values; they are rounded for uint8 and int32, and dtypes that the page lacks
 * become float32.
 */
export function greyTensor(
  values: readonly number[],
  { dtype }: TensorInfo,
  shape: readonly number[],
): Tensor {
  const whole = dtype === 'uint8' || dtype === 'int32';
  return tensor(whole ? values.map(Math.round) : values, {
    dtype: dtype === 'other' ? 'float32' : dtype,
    shape,
  });
}

/** The rectangle that holds every inked pixel; undefined for an empty sheet. */
function inkBox(
  ink: Uint8Array,
  side: number,
): { left: number; top: number; width: number; height: number } | undefined {
  let [left, top, right, bottom] = [side, side, -1, -1];
  ink.forEach((dot, i) => {
    if (dot === 0) return;
    const [column, row] = [i % side, Math.floor(i / side)];
    left = Math.min(left, column);
    right = Math.max(right, column);
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
  });
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Dots along a side of each pixel of the small picture: 4 x 4 of them, counted, is how the UCI digits were made. */
const dots = 4;

/**
 * A drawing as a small grey picture, prepared as the UCI digits were: cut to its ink, scaled to the full height,
 * centred, and the inked dots of each pixel counted.
 * @param ink one byte a dot of a square sheet; not 0 where there is ink
 * @returns shares of ink, 0 to 1, row by row
 */
export function shrink(ink: Uint8Array, side: number, width: number, height: number): number[] {
  const box = inkBox(ink, side);
  const shares = new Array<number>(width * height).fill(0);
  if (box === undefined) return shares;
  const scale = Math.max(box.height / (height * dots), box.width / (width * dots));
  const offset = {
    x: (width * dots - box.width / scale) / 2,
    y: (height * dots - box.height / scale) / 2,
  };
  for (let y = 0; y < height * dots; y++) {
    for (let x = 0; x < width * dots; x++) {
      const column = Math.floor((x + 0.5 - offset.x) * scale);
      const row = Math.floor((y + 0.5 - offset.y) * scale);
      if (column < 0 || row < 0 || column >= box.width || row >= box.height) continue;
      if (ink[(box.top + row) * side + box.left + column] === 0) continue;
      const pixel = Math.floor(y / dots) * width + Math.floor(x / dots);
      shares[pixel] = (shares[pixel] ?? 0) + 1 / dots ** 2;
    }
  }
  return shares;
}
