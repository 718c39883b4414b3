/** A sheet to draw on with mouse, finger or pen, and the small picture that the model gets to see. */
import { h } from '../dom.ts';
import { shrink } from './pixels.ts';

export interface Drawing {
  readonly element: HTMLElement;
  /** Shares of ink, 0 to 1, row by row; undefined while the sheet is empty. */
  values(): number[] | undefined;
}

/** Dots along a side. */
const side = 256;
/**
 * As thick as in the digits that models learn from: with half of it the demo reads one digit of seven wrong, with
 * this one of thirty.
 */
const strokeDots = 50;
const previewScale = 20;

/** @param onChange called when a stroke has ended or the sheet was cleared */
export function drawing(width: number, height: number, onChange: () => void): Drawing {
  const sheet = h('canvas', {
    width: side,
    height: side,
    class: 'sheet',
    role: 'img',
    'aria-label': 'Sheet to draw on with the pointer',
  });
  const preview = h('canvas', {
    width: width * previewScale,
    height: height * previewScale,
    class: 'preview',
    role: 'img',
    'aria-label': 'What the model sees',
  });
  const clear = h('button', { type: 'button' }, 'Clear');
  const pen = sheet.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
  let empty = true;

  function values(): number[] | undefined {
    if (empty) return undefined;
    const { data } = pen.getImageData(0, 0, side, side);
    return shrink(
      Uint8Array.from({ length: side * side }, (_, i) => ((data[i * 4 + 3] ?? 0) > 127 ? 1 : 0)),
      side,
      width,
      height,
    );
  }

  function show(): void {
    const context = preview.getContext('2d') as CanvasRenderingContext2D;
    context.clearRect(0, 0, preview.width, preview.height);
    context.fillStyle = getComputedStyle(preview).color;
    values()?.forEach((share, i) => {
      context.globalAlpha = share;
      context.fillRect(
        (i % width) * previewScale,
        Math.floor(i / width) * previewScale,
        previewScale,
        previewScale,
      );
    });
  }

  const at = (event: PointerEvent): [x: number, y: number] => {
    const box = sheet.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * side, ((event.clientY - box.top) / box.height) * side];
  };
  sheet.addEventListener('pointerdown', (event) => {
    sheet.setPointerCapture(event.pointerId);
    pen.lineWidth = strokeDots;
    pen.lineCap = 'round';
    pen.lineJoin = 'round';
    pen.strokeStyle = getComputedStyle(sheet).color;
    pen.beginPath();
    pen.moveTo(...at(event));
    pen.lineTo(...at(event));
    pen.stroke();
    empty = false;
  });
  sheet.addEventListener('pointermove', (event) => {
    if (!sheet.hasPointerCapture(event.pointerId)) return;
    for (const each of event.getCoalescedEvents().length > 0 ? event.getCoalescedEvents() : [event])
      pen.lineTo(...at(each));
    pen.stroke();
  });
  sheet.addEventListener('pointerup', () => {
    show();
    onChange();
  });
  clear.addEventListener('click', () => {
    pen.clearRect(0, 0, side, side);
    empty = true;
    show();
    onChange();
  });
  const element = h(
    'div',
    { class: 'drawing' },
    h('div', {}, sheet, h('p', {}, clear)),
    h('div', {}, preview, h('p', { class: 'hint' }, `what the model sees: ${width} by ${height}`)),
  );
  return { element, values };
}
