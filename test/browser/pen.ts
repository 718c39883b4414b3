/** Draws digits with the mouse as a person would: strokes between points of a square sheet, 0 to 1. */
import type { Page } from 'playwright-core';

type Point = readonly [x: number, y: number];

/** From the top, clockwise or not. */
const circle = (cx: number, cy: number, rx: number, ry: number, turns = 1): Point[] =>
  Array.from({ length: 25 }, (_, i) => {
    const angle = -Math.PI / 2 + (i / 24) * 2 * Math.PI * turns;
    return [cx + rx * Math.cos(angle), cy + ry * Math.sin(angle)];
  });

/** Strokes of each digit. */
export const digitStrokes: Readonly<Record<number, readonly (readonly Point[])[]>> = {
  0: [circle(0.5, 0.5, 0.22, 0.36)],
  1: [
    [
      [0.38, 0.28],
      [0.52, 0.14],
      [0.52, 0.86],
    ],
  ],
  2: [
    [
      [0.3, 0.26],
      [0.42, 0.14],
      [0.6, 0.16],
      [0.66, 0.32],
      [0.5, 0.58],
      [0.28, 0.86],
      [0.74, 0.86],
    ],
  ],
  3: [
    [
      [0.3, 0.16],
      [0.68, 0.16],
      [0.46, 0.44],
      [0.66, 0.52],
      [0.7, 0.68],
      [0.6, 0.84],
      [0.3, 0.84],
    ],
  ],
  4: [
    [
      [0.42, 0.12],
      [0.24, 0.58],
      [0.76, 0.58],
    ],
    [
      [0.6, 0.36],
      [0.56, 0.88],
    ],
  ],
  5: [
    [
      [0.7, 0.14],
      [0.36, 0.14],
      [0.34, 0.46],
      [0.56, 0.42],
      [0.7, 0.56],
      [0.64, 0.8],
      [0.46, 0.88],
      [0.28, 0.82],
    ],
  ],
  6: [
    [
      [0.56, 0.12],
      [0.38, 0.36],
      [0.32, 0.64],
      [0.4, 0.84],
      [0.58, 0.88],
      [0.7, 0.74],
      [0.62, 0.56],
      [0.36, 0.64],
    ],
  ],
  7: [
    [
      [0.3, 0.15],
      [0.75, 0.15],
      [0.45, 0.88],
    ],
  ],
  8: [circle(0.5, 0.3, 0.16, 0.18), circle(0.5, 0.68, 0.2, 0.2)],
  9: [
    circle(0.48, 0.32, 0.18, 0.2, -1),
    [
      [0.66, 0.3],
      [0.64, 0.6],
      [0.5, 0.88],
    ],
  ],
};

export async function drawDigit(page: Page, digit: number): Promise<void> {
  const box = await page.locator('.sheet').boundingBox();
  if (box === null) throw new Error('there is no sheet to draw on');
  const at = ([x, y]: Point): [number, number] => [box.x + x * box.width, box.y + y * box.height];
  for (const stroke of digitStrokes[digit] ?? []) {
    const [first, ...rest] = stroke;
    if (first === undefined) continue;
    await page.mouse.move(...at(first));
    await page.mouse.down();
    for (const point of rest) await page.mouse.move(...at(point), { steps: 3 });
    await page.mouse.up();
  }
}
