/** One input of a signature: typed as JSON, taken from a file or an image, or drawn. */
import type { TensorInfo } from '../../../../clients/web/src/messages.ts';
import { type Tensor, tensor } from '../../../../clients/web/src/tensor.ts';
import { h } from '../dom.ts';
import { bytes } from '../format.ts';
import { drawing } from './drawing.ts';
import { defaultMax, greyTensor, pictureOf, type PictureShape, picturesTensor } from './pixels.ts';
import { infoText, sampleOf, tensorOf } from './sample.ts';

/** One way to give a value. */
interface Way {
  readonly name: string;
  readonly element: HTMLElement;
  /** @throws Error that says what is missing */
  value(): Promise<Tensor> | Tensor;
}

export interface InputEditor {
  readonly name: string;
  readonly element: HTMLElement;
  /** @throws Error that names the input and says what is wrong */
  value(): Promise<Tensor>;
}

let sequence = 0;

/** @param onChange called when the value may be another */
export function inputEditor(name: string, info: TensorInfo, onChange: () => void): InputEditor {
  const picture = pictureOf(info);
  const ways: Way[] = [
    ...(picture?.channels === 1 && picture.height <= 64 ? [drawWay(picture, info, onChange)] : []),
    jsonWay(info, onChange),
    ...(picture === undefined ? [] : [imageWay(picture, info, onChange)]),
    fileWay(info, onChange),
  ];
  const group = `way-${++sequence}`;
  let chosen = ways[0] as Way;
  const body = h('div', { class: 'way' }, chosen.element);
  const radios = ways.map((way) => {
    const radio = h('input', { type: 'radio', name: group, checked: way === chosen });
    radio.addEventListener('change', () => {
      chosen = way;
      body.replaceChildren(way.element);
      onChange();
    });
    return h('label', { class: 'choice' }, radio, ` ${way.name}`);
  });
  return {
    name,
    element: h(
      'fieldset',
      {},
      h('legend', {}, name, ' ', h('code', {}, infoText(info))),
      h('div', { class: 'choices' }, ...radios),
      body,
    ),
    async value() {
      try {
        return await chosen.value();
      } catch (error) {
        throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
      }
    },
  };
}

function jsonWay(info: TensorInfo, onChange: () => void): Way {
  const area = h('textarea', { rows: 4, spellcheck: 'false', 'aria-label': 'Value as JSON' }, sampleOf(info));
  area.addEventListener('input', onChange);
  return { name: 'JSON', element: area, value: () => tensorOf(area.value, info) };
}

function drawWay(picture: PictureShape, info: TensorInfo, onChange: () => void): Way {
  const max = defaultMax(picture, info.dtype);
  const sheet = drawing(picture.width, picture.height, onChange);
  return {
    name: 'Draw',
    element: sheet.element,
    value() {
      const values = sheet.values();
      if (values === undefined) throw new Error('draw something first');
      return greyTensor(
        values.map((share) => share * max),
        info,
        picture.shape,
      );
    },
  };
}

/** @param decoded a picture for numbers; without it the file goes as it is */
function filePicker(accept: string | undefined, onFile: (file: File) => Promise<string>): HTMLElement {
  const input = h('input', { type: 'file', accept, 'aria-label': 'File' });
  const note = h('p', { class: 'hint', role: 'status' });
  input.addEventListener('change', () => {
    const file = input.files?.[0];
    if (file === undefined) return;
    onFile(file).then(
      (text) => (note.textContent = text),
      (error: unknown) => (note.textContent = (error as Error).message),
    );
  });
  return h('div', {}, input, note);
}

function imageWay(picture: PictureShape, info: TensorInfo, onChange: () => void): Way {
  const { width, height } = picture;
  const canvas = h('canvas', {
    width,
    height,
    class: 'preview',
    role: 'img',
    'aria-label': 'The image at the size that the model takes',
  });
  const scale = h(
    'select',
    {},
    ...[1, 16, 255].map((max) =>
      h('option', { value: max, selected: max === defaultMax(picture, info.dtype) }, `0 to ${max}`),
    ),
  );
  const invert = h('input', { type: 'checkbox' });
  const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
  let bitmap: ImageBitmap | undefined;
  const draw = (): void => {
    if (bitmap === undefined) return;
    context.filter = invert.checked ? 'invert(1)' : 'none';
    context.fillStyle = 'white';
    context.fillRect(0, 0, width, height);
    context.imageSmoothingQuality = 'high';
    context.drawImage(bitmap, 0, 0, width, height);
    onChange();
  };
  for (const control of [scale, invert]) control.addEventListener('change', draw);
  const picker = filePicker('image/*', async (file) => {
    bitmap = await createImageBitmap(file).catch(() => {
      throw new Error('this is no image that a browser can read');
    });
    draw();
    return `${bitmap.width} by ${bitmap.height}, sent as ${width} by ${height}`;
  });
  return {
    name: 'Image',
    element: h(
      'div',
      {},
      picker,
      canvas,
      h('p', {}, h('label', {}, 'Values ', scale), ' ', h('label', {}, invert, ' dark is ink')),
    ),
    value() {
      if (bitmap === undefined) throw new Error('choose an image first');
      return picturesTensor(
        context.getImageData(0, 0, width, height).data,
        picture,
        info,
        Number(scale.value),
      );
    },
  };
}

/** Bytes of a string tensor as they are; JSON, or raw little-endian values, of any other. */
function fileWay(info: TensorInfo, onChange: () => void): Way {
  let chosen: File | undefined;
  const element = filePicker(undefined, async (file) => {
    chosen = file;
    onChange();
    return `${file.name}, ${bytes(file.size)}`;
  });
  const hint =
    info.dtype === 'string'
      ? 'The file is one byte string: an image, say.'
      : 'A .json file with nested arrays.';
  return {
    name: 'File',
    element: h('div', {}, h('p', { class: 'hint' }, hint), element),
    async value() {
      if (chosen === undefined) throw new Error('choose a file first');
      if (info.dtype !== 'string') return tensorOf(await chosen.text(), info);
      const content = new Uint8Array(await chosen.arrayBuffer());
      // one string, in as many dimensions as the signature has
      const shape = info.shape === undefined ? [1] : info.shape.map(() => 1);
      return { ...tensor('', { dtype: 'string' }), shape, data: [content] } as Tensor;
    },
  };
}
