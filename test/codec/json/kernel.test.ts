/** Lists that the kernel reads, against the same lists read one number at a time. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StatusError } from '../../../src/base/status.ts';
import { type DType, dtypes } from '../../../src/codec/index.ts';
import { Column } from '../../../src/codec/json/column.ts';
import { type Kernel, kernel } from '../../../src/codec/json/kernel/kernel.ts';
import { ValueFault } from '../../../src/codec/json/limits.ts';
import { Text } from '../../../src/codec/json/text.ts';
import { type Random, seeded } from '../../support/random.ts';
import { numberTexts, randomFloat64 } from '../number/texts.ts';
import { below, pick } from './documents.ts';
import { limits, options } from './support.ts';

type NumberType = keyof Kernel['readers'];
const types = Object.keys(kernel?.readers ?? {}) as NumberType[];
const reals: readonly string[] = ['float', 'double', 'half', 'bfloat16'];

interface Verdict {
  readonly shape?: readonly number[];
  readonly bytes?: string;
  readonly error?: string;
}

/** Reads one value of JSON; `feed` puts more text in, and gives false when there is no more. */
function read(dtype: DType, text: Text, feed: () => boolean): Verdict {
  const info = { dtype, dtypeNumber: dtypes[dtype].number, shape: undefined, tensorName: 'x:0' };
  const budget = { left: 2 ** 20, limit: 2 ** 20 };
  try {
    const column = new Column('x', info, { ...options, limits }, budget);
    column.begin(0);
    while (!column.read(text)) if (!feed()) throw new Error('the text is not whole');
    const { shape, parts } = column.finish();
    return { shape, bytes: Buffer.concat(parts).toString('hex') };
  } catch (error) {
    if (error instanceof ValueFault) return { error: error.toStatus().message };
    if (error instanceof StatusError) return { error: error.message };
    throw error;
  }
}

/** As bodies arrive, in chunks of `size` bytes: the kernel reads what it can. */
function arriving(dtype: DType, json: string, size: number): Verdict {
  const bytes = Buffer.from(json);
  const text = new Text(64);
  let at = 0;
  const feed = (): boolean => {
    if (at >= bytes.length) return false;
    if (at > 0) text.leave();
    text.fill(bytes.subarray(at, at + size), 0);
    at += size;
    return true;
  };
  feed();
  return read(dtype, text, feed);
}

/** All at once, outside of the kernel's memory. */
const slowly = (dtype: DType, json: string): Verdict =>
  read(dtype, new Text(64, Buffer.from(`${json} `)), () => false);

/** Numbers of a type as clients send them. */
function usual(random: Random, dtype: string): string {
  const sign = dtype.startsWith('u') || random() < 0.5 ? '' : '-';
  if (!reals.includes(dtype)) {
    const bits = Number(/[0-9]+/.exec(dtype)?.[0]) - (dtype.startsWith('u') ? 0 : 1);
    const wide = (BigInt(below(random, 2 ** 32)) << 32n) | BigInt(below(random, 2 ** 32));
    return `${sign}${wide >> BigInt(64 - 1 - below(random, bits))}`;
  }
  const value = pick(random, [
    Math.fround(random()),
    random(),
    randomFloat64(random) * 1e-300,
    random() * 1e4,
  ]);
  return (
    sign +
    pick(random, [
      () => String(value),
      () => random().toFixed(below(random, 21)),
      () => (random() * 1e-9).toFixed(18 + below(random, 14)),
      () => (random() * 300).toFixed(below(random, 21)),
      () => Math.fround(random()).toExponential(8),
      () => random().toPrecision(1 + below(random, 30)),
      () => String(below(random, 10 ** (1 + below(random, 9)))),
    ])()
  ).replace('--', '');
}

function list(random: Random, next: () => string): string {
  const [rows, row] = pick(random, [
    [1, 400],
    [60, 3],
    [9, 37],
    [150, 1],
  ] as const);
  const comma = pick(random, [',', ', ', ' ,\n ']);
  const border = pick(random, ['],[', '], [', '] ,\n[']);
  const lists = Array.from({ length: rows }, () => Array.from({ length: row }, next).join(comma));
  return rows === 1 ? `[${lists.join('')}]` : `[[${lists.join(border)}]]`;
}

describe('lists of numbers that the kernel reads', () => {
  it('are read whole, for every type', () => {
    assert.ok(kernel !== undefined);
    assert.equal(types.length, 12);
    const { text, textAt, reached } = kernel;
    for (const dtype of types) {
      const json = Array.from({ length: 50 }, (_, i) => (reals.includes(dtype) ? `${i}.25` : String(i))).join(
        ', ',
      );
      text.set(Buffer.from(`${json}]`));
      const bytes: number | undefined = kernel.readers[dtype]?.(
        textAt,
        textAt + json.length + 1,
        1000,
        -1,
        0,
      );
      assert.equal(bytes, 50 * dtypes[dtype].width);
      assert.equal(reached.getInt32(0, true), textAt + json.length);
      assert.equal(reached.getInt32(4, true), 50);
    }
  });

  for (const dtype of types) {
    it(`become the same ${dtype} as one at a time`, () => {
      const random = seeded(dtypes[dtype].number);
      for (let run = 0; run < 250; run++) {
        // in some lists a few are out of the way, in some many
        const odd = pick(random, [0, 0.003, 0.05, 0.5]);
        const json = list(random, () => (random() < odd ? numberTexts(random, dtype) : usual(random, dtype)));
        const size = pick(random, [65_536, 4096, 100 + below(random, 900)]);
        assert.deepEqual(arriving(dtype, json, size), slowly(dtype, json), json);
      }
    });
  }

  it('end where something else stands, with its error', () => {
    const numbers = Array.from({ length: 40 }, (_, i) => String(i));
    const strays = [
      'null',
      '"1"',
      '[1]',
      '{}',
      '01',
      '-',
      '+1',
      '.5',
      '1.',
      '1e',
      '1e+',
      '--1',
      '1.5',
      '300',
      '-1',
      '1e999',
      '',
    ];
    for (const dtype of types)
      for (const stray of strays) {
        const json = `[${numbers.join(',')},${stray},${numbers.join(',')}]`;
        assert.deepEqual(arriving(dtype, json, 65_536), slowly(dtype, json), json);
        // not to be taken for the digits that stood there before
        const cut = `[${numbers.join(',')},${stray}]`;
        assert.deepEqual(arriving(dtype, cut, 65_536), slowly(dtype, cut), cut);
      }
  });

  it('may be cut at any byte', () => {
    const json =
      '[[0.5,-1.25e-3],[123.456,7],[0.12345678901234567,1E5],[-0.0,-0],[0.000012345678901234567,99]]';
    for (const dtype of ['float', 'double', 'half', 'bfloat16'] as const)
      for (let size = 1; size <= json.length; size++)
        assert.deepEqual(arriving(dtype, json, size), slowly(dtype, json));
  });

  it('are read without WebAssembly too', () => {
    const program = `
      delete globalThis.WebAssembly;
      const { kernel } = await import('./src/codec/json/kernel/kernel.ts');
      const { decode, single } = await import('./test/codec/json/support.ts');
      const json = JSON.stringify({ instances: Array.from({ length: 100 }, (_, i) => i / 8) });
      console.log(JSON.stringify([kernel === undefined, decode(Buffer.from(json), single('float')).tensors.x.data]));`;
    const output = execFileSync(
      process.execPath,
      ['--no-warnings', '--input-type=module-typescript', '--eval', program],
      { cwd: fileURLToPath(new URL('../../..', import.meta.url)), encoding: 'utf8' },
    );
    const expected = Buffer.from(Float32Array.from({ length: 100 }, (_, i) => i / 8).buffer);
    assert.deepEqual(JSON.parse(output), [true, expected.toString('hex')]);
  });
});
