/** Reads the nested lists of one tensor (or one row of it) in a single pass: values into a builder, shape learnt on the way. */
import type { TensorBuilder } from './builder.ts';
import { preview } from './preview.ts';
import { byte, invalid, type Scanner } from './scanner.ts';

/**
 * Reads one value. The first list of each level says how long its siblings must be.
 * @returns the shape; [] for a scalar
 * @throws StatusError INVALID_ARGUMENT with TensorFlow Serving's texts
 */
export function readTensor(scanner: Scanner, builder: TensorBuilder, maxRank: number): number[] {
  /** How long the lists of each level are; -1 until the first one has closed. */
  const shape: number[] = [];
  /** Items so far in each list that is open. */
  const counts: number[] = [];
  let rank = -1;
  for (;;) {
    const depth = counts.length;
    if (scanner.peek() === byte.openList) {
      if (rank >= 0 && depth >= rank)
        throw invalid(`Encountered list at unexpected level: ${depth} expected < ${rank}`);
      if (depth >= maxRank) throw invalid(`a tensor has more dimensions than the limit of ${maxRank}`);
      if (scanner.enter(byte.closeList)) {
        counts.push(0);
        if (shape.length < counts.length) shape.push(-1);
        continue;
      }
      // an empty list: nothing is deeper
      if (shape.length <= depth) shape.push(-1);
      if (rank < 0) rank = depth + 1;
      checkSize(shape, depth, 0);
    } else {
      if (rank < 0) rank = depth;
      else if (depth !== rank) {
        scanner.type();
        throw invalid(
          `JSON Value: ${preview(scanner.bytes, scanner.at)} found at incorrect level: ${depth + 1} in the JSON DOM. Expected at level: ${rank}`,
        );
      }
      builder.value();
    }
    for (;;) {
      const level = counts.length - 1;
      if (level < 0) return shape;
      counts[level] = (counts[level] as number) + 1;
      if (scanner.more(byte.closeList)) break;
      checkSize(shape, level, counts.pop() as number);
    }
  }
}

function checkSize(shape: number[], level: number, size: number): void {
  const expected = shape[level] as number;
  if (expected < 0) shape[level] = size;
  else if (size !== expected)
    throw invalid(
      `Encountered list at unexpected size: ${size} at level: ${level} expected size: ${expected}`,
    );
}
