/** Types that JSON has no values for: an empty list passes, the first value does not. */
import { Code, StatusError } from '../../../base/status.ts';
import type { DType } from '../../dtype.ts';
import type { Excerpt } from '../excerpt.ts';
import { preview, previewExcerptBytes } from '../preview.ts';
import type { Text, ValueType } from '../text.ts';
import { TypeFault, type Values } from './values.ts';

/**
 * Stands for a dtype that JSON cannot carry: only empty arrays pass. read() throws a TypeFault, which becomes
 * UNIMPLEMENTED, at the first value.
 */
export class UnreadableValues implements Values {
  readonly dtype: DType;
  readonly count = 0;
  readonly midway = false;

  constructor(dtype: DType) {
    this.dtype = dtype;
  }

  read(text: Text): boolean {
    const type = text.type();
    if (type === undefined) return false;
    throw this.refusal(text, text.excerpt(text.at, previewExcerptBytes), type);
  }

  refusal(text: Text, excerpt: Excerpt, type: ValueType, next?: TypeFault['next']): TypeFault {
    const toStatus = (): StatusError =>
      new StatusError(
        Code.UNIMPLEMENTED,
        `Conversion of JSON Value: ${preview(text.textOf(excerpt))} to type: ${this.dtype}`,
      );
    return new TypeFault(type, excerpt, toStatus, next);
  }

  finish(): Uint8Array[] {
    return [];
  }
}
