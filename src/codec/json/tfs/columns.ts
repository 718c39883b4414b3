/** Columnar form: one object of named tensors, or the value of the only input. */
import type { EncodedTensor } from '../../encoded-tensor.ts';
import type { Signature } from '../../tensor.ts';
import { anotherOne, memberName, type Reading, skip } from '../body.ts';
import { Column, type ColumnOptions } from '../column.ts';
import { expect, valueFault } from '../limits.ts';
import { previewExcerptBytes } from '../preview.ts';
import { byte, type Text } from '../text.ts';
import type { ElementBudget } from '../values/values.ts';
import { finishBase64, type FirstMember, openValue } from './request-peeker.ts';

/** Reads the value of `inputs`. @throws ValueFault, and what reading text throws */
export function* readColumns(
  text: Text,
  signature: Signature,
  options: ColumnOptions,
): Reading<Map<string, EncodedTensor>> {
  const { maxElements, maxStringBytes } = options.limits;
  const budget: ElementBudget = { left: maxElements, limit: maxElements };
  const columnOf = (name: string): Column | undefined => {
    const info = signature.inputs.get(name);
    const column = info === undefined ? undefined : new Column(name, info, options, budget);
    column?.begin(0);
    return column;
  };
  const [onlyName] = signature.inputs.size === 1 ? signature.inputs.keys() : [];
  const only = onlyName === undefined ? undefined : columnOf(onlyName);
  const object = text.excerpt(text.at, previewExcerptBytes);
  const opening = yield* openValue(text, signature, only, object, maxStringBytes);
  let first: FirstMember | undefined;
  if (opening.kind === 'names') ({ first } = opening);
  else if (opening.kind === 'base64') first = yield* finishBase64(text, only as Column);
  else if (only === undefined) {
    throw valueFault(
      'inputs is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map',
      opening.kind === 'string' ? expect.after : expect.value,
    );
  } else if (opening.kind === 'string') only.add(text, opening.value, object, 'Object');
  else while (!only.read(text)) yield;
  const columns = new Map<string, Column>();
  if (only !== undefined && first === undefined && opening.kind !== 'names') columns.set(only.name, only);
  else if (first !== undefined) {
    let member: FirstMember | undefined = first;
    do {
      const { name, value }: FirstMember = member ?? { name: yield* memberName(text), value: 'ahead' };
      member = undefined;
      // names that the signature lacks are ignored, and of a repeated one the first counts
      const column: Column | undefined = columns.has(name) ? undefined : columnOf(name);
      if (column !== undefined) columns.set(name, column);
      if (value === 'ahead') {
        if (column === undefined) yield* skip(text);
        else while (!column.read(text)) yield;
      } else if (value !== 'passed') column?.add(text, value.value, value.excerpt, 'String');
    } while (yield* anotherOne(text, byte.closeObject));
  }
  for (const name of signature.inputs.keys())
    if (!columns.has(name))
      throw valueFault(`Missing named input: ${name} in 'inputs' object.`, expect.after);
  return finished(columns, signature);
}

/** Tensors in the order in which their names came. */
function finished(columns: ReadonlyMap<string, Column>, signature: Signature): Map<string, EncodedTensor> {
  const tensors = new Map<string, EncodedTensor>();
  for (const [name, column] of columns) {
    const tensor = column.finish();
    // OpenVINO Model Server takes strings in lists only; where the signature wants a list, one string is one of one
    const listOfOne =
      tensor.dtype === 'string' &&
      tensor.shape.length === 0 &&
      signature.inputs.get(name)?.shape?.length === 1;
    tensors.set(name, listOfOne ? { ...tensor, shape: [1] } : tensor);
  }
  return tensors;
}
