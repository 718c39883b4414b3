/** Row form: a list with a tensor, or an object of named tensors, for each row. */
import { Code, codeName, type StatusError } from '../../../base/status.ts';
import type { EncodedTensor } from '../../encoded-tensor.ts';
import type { Signature } from '../../tensor.ts';
import { anotherOne, enter, nextByte, type Reading } from '../body.ts';
import { Column, type ColumnOptions } from '../column.ts';
import type { Excerpt } from '../excerpt.ts';
import { expect, invalid, valueFault, ValueFault } from '../limits.ts';
import { preview, previewExcerptBytes } from '../preview.ts';
import { stringText } from '../strings.ts';
import { byte, type Text } from '../text.ts';
import { NotBase64 } from '../values/strings.ts';
import { type ElementBudget, TypeFault } from '../values/values.ts';
import { finishBase64, type FirstMember, isBase64Object, openValue } from './request-peeker.ts';

/** Reads the value of `instances`. @throws ValueFault, and what reading text throws */
export function* readRows(
  text: Text,
  signature: Signature,
  options: ColumnOptions,
  root: () => string,
): Reading<Map<string, EncodedTensor>> {
  const { maxElements, maxStringBytes } = options.limits;
  if (text.bytes[text.at] !== byte.openList) {
    // what is no value at all is told first
    while (text.type() === undefined) yield;
    throw new ValueFault(() => invalid(`JSON Value: ${root()} Expecting 'instances' to be an list/array`));
  }
  if (!(yield* enter(text, byte.closeList)))
    throw new ValueFault(() => invalid(`JSON Value: ${root()} No values in 'instances' array`), expect.after);
  const budget: ElementBudget = { left: maxElements, limit: maxElements };
  const columns = new Map<string, Column>();
  for (const [name, info] of signature.inputs) columns.set(name, new Column(name, info, options, budget));
  const [only] = columns.size === 1 ? columns.values() : [];
  const object = text.excerpt(text.at, previewExcerptBytes);
  // the first row of the only input, should it turn out to be a value
  only?.begin(-1);
  let opening;
  try {
    opening = yield* openValue(text, signature, only, object, maxStringBytes);
  } catch (fault) {
    throw wrapped(fault, 0);
  }
  let rows = 0;
  if (opening.kind === 'names') {
    rows = yield* namedRows(text, columns, object, opening.first);
  } else if (only === undefined) {
    throw valueFault(
      'instances is a plain list, but expecting list of objects as multiple input tensors required as per tensorinfo_map',
      opening.kind === 'string' ? expect.after : expect.value,
    );
  } else {
    let first: FirstMember | undefined;
    try {
      if (opening.kind === 'string') only.add(text, opening.value, object, 'Object');
      else if (opening.kind === 'base64') first = yield* finishBase64(text, only);
    } catch (fault) {
      throw wrapped(fault, 0);
    }
    rows =
      first === undefined
        ? yield* plainRows(text, only, opening.kind !== 'value')
        : yield* namedRows(text, columns, object, first);
  }
  return new Map([...columns].map(([name, column]) => [name, column.finish(rows)]));
}

/** @param begun the first row has been read */
function* plainRows(text: Text, column: Column, begun: boolean): Reading<number> {
  let row = begun ? 1 : 0;
  if (begun && !(yield* anotherOne(text, byte.closeList))) return row;
  do {
    // rows that are scalars are read many at once
    const many = column.scalar;
    column.begin(row);
    try {
      while (!column.read(text, many)) yield;
    } catch (fault) {
      throw plainFault(
        text,
        column,
        fault,
        many && column.reader.shape.length === 0 ? row + column.taken : row,
      );
    }
    row += many ? column.taken : 1;
    for (;;) {
      const more = text.more(byte.closeList);
      if (more === false) return row;
      if (more === true) break;
      yield;
    }
  } while (true);
}

/** A fault in a row: an object that is none of base64 is told as such when it is the row itself. */
function plainFault(text: Text, column: Column, fault: unknown, row: number): unknown {
  const isRow = column.reader.depth === 0;
  const unexpected = `Expecting value/list but got object at item ${row} of input list`;
  if (isRow && fault instanceof NotBase64) return valueFault(unexpected, fault.next);
  if (isRow && fault instanceof TypeFault && fault.type === 'Object') {
    const told = wrapped(fault, row) as ValueFault;
    return new ValueFault(
      () => (isBase64Object(text.textOf(fault.excerpt)) ? told.toStatus() : invalid(unexpected)),
      fault.next,
    );
  }
  return wrapped(fault, row);
}

/** @param first the first member of the first row; undefined when that row is empty */
function* namedRows(
  text: Text,
  columns: ReadonlyMap<string, Column>,
  object: Excerpt,
  first: FirstMember | undefined,
): Reading<number> {
  const order = [...columns.values()];
  const keys = [...columns.keys()].sort().join(',');
  let row = 0;
  let member = first;
  let empty = first === undefined;
  for (;;) {
    let seen = 0;
    let base64Only = false;
    if (!empty) {
      do {
        let column: Column | undefined;
        let name = member?.name ?? '';
        if (member === undefined) {
          let span = text.name();
          while (span === undefined) {
            yield;
            span = text.name();
          }
          // the names of a row come in the same order as before, nearly always
          column = order[seen];
          if (column === undefined || span.escaped || !same(text, span.from, span.to, column.nameBytes)) {
            name = stringText(text, span);
            column = columns.get(name);
          } else ({ name } = column);
          while (!text.colon()) yield;
        } else column = columns.get(name);
        const value = member?.value ?? 'ahead';
        member = undefined;
        try {
          if (column === undefined)
            throw valueFault(
              `JSON object: does not have named input: ${name}`,
              value === 'ahead' ? expect.value : expect.after,
            );
          if (column.row === row) throw valueFault(`JSON object: has the named input twice: ${name}`);
          column.begin(row);
          if (value === 'ahead') {
            base64Only = name === 'b64' && (yield* nextByte(text)) === byte.quote;
            while (!column.read(text)) yield;
          } else if (value !== 'passed') {
            base64Only = true;
            column.add(text, value.value, value.excerpt, 'String');
          }
        } catch (fault) {
          throw namedFault(text, object, fault, row, name);
        }
        seen++;
      } while (yield* anotherOne(text, byte.closeObject));
    }
    if (row > 0 && seen === 1 && base64Only)
      throw valueFault(`Expecting object but got list at item ${row} of input list`, expect.after);
    if (seen !== columns.size) {
      const at = row;
      throw new ValueFault(
        () =>
          invalid(
            `Failed to process element: ${at} of 'instances' list. JSON object: ${preview(text.textOf(object))} keys must be equal to: ${keys}`,
          ),
        expect.after,
      );
    }
    row++;
    if (!(yield* anotherOne(text, byte.closeList))) return row;
    if ((yield* nextByte(text)) !== byte.openObject) {
      while (text.type() === undefined) yield;
      throw valueFault(`Expecting object but got list at item ${row} of input list`);
    }
    object.restart(text.base + text.at);
    empty = !(yield* enter(text, byte.closeObject));
  }
}

function same(text: Text, from: number, to: number, name: Uint8Array): boolean {
  if (to - from !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (text.bytes[from + i] !== name[i]) return false;
  return true;
}

/**
 * A fault in a row of names; when a row after the first is {"b64": "..."}, that it is no object with names is what is
 * wrong.
 */
function namedFault(text: Text, object: Excerpt, fault: unknown, row: number, name: string): unknown {
  const told = wrapped(fault, row, name);
  if (name !== 'b64' || row === 0 || !(told instanceof ValueFault)) return told;
  return new ValueFault(
    () =>
      isBase64Object(text.textOf(object))
        ? invalid(`Expecting object but got list at item ${row} of input list`)
        : told.toStatus(),
    told.next,
  );
}

/**
 * Faults within a row say which row, and are INVALID_ARGUMENT whatever they were; faults of the text stay as they
 * are.
 */
function wrapped(fault: unknown, row: number, name?: string): unknown {
  if (!(fault instanceof ValueFault)) return fault;
  const key = name === undefined ? '' : ` key: ${name}`;
  return new ValueFault(() => {
    const error: StatusError = fault.toStatus();
    const code = error.code === Code.UNIMPLEMENTED ? error.code : Code.INVALID_ARGUMENT;
    return invalid(
      `Failed to process element: ${row}${key} of 'instances' list. Error: ${codeName(code)}: ${error.message}`,
    );
  }, fault.next);
}
