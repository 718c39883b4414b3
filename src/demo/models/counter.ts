/** A stateful model in the way of OpenVINO Model Server: it sums up what one sequence of calls gives it. */
import { Code, StatusError } from '../../base/status.ts';
import type { NamedTensors } from '../../codec/index.ts';
import { type DemoModel, predictSignature, signatureMap } from '../model.ts';
import { floats, floatTensor, info, needNumeric } from '../tensors.ts';

/** sequence_control_input. */
const start = 1;
const end = 2;
/** OVMS's own bound (max_sequence_number). */
const maxSequences = 500;

/**
 * Creates a stateful model that sums its inputs by sequence_id. Its run throws StatusError ALREADY_EXISTS for a
 * start of a known sequence, NOT_FOUND for a call of an unknown one.
 */
export function counter(): DemoModel {
  const sums = new Map<bigint, number>();

  function count(inputs: NamedTensors): NamedTensors {
    const x = floats(needNumeric(inputs, 'x'));
    const id = numberIn(inputs, 'sequence_id');
    const control = Number(numberIn(inputs, 'sequence_control_input'));
    const known = sums.get(id);
    if (control === start && known !== undefined)
      throw new StatusError(Code.ALREADY_EXISTS, 'Sequence with provided ID already exists');
    if (control !== start && known === undefined)
      throw new StatusError(Code.NOT_FOUND, 'Sequence with provided ID does not exist');
    if (control === start && sums.size >= maxSequences)
      throw new StatusError(
        Code.UNAVAILABLE,
        'Max sequence number has been reached. Could not create new sequence.',
      );
    const sum = (known ?? 0) + (x[0] ?? 0);
    if (control === end) sums.delete(id);
    else sums.set(id, sum);
    const sequence = new Uint8Array(BigUint64Array.of(id).buffer);
    return new Map([
      ['y', floatTensor([1], [sum])],
      ['sequence_id', { dtype: 'uint64', shape: [1], bytes: sequence }],
    ]);
  }

  const signature = predictSignature(
    'serving_default',
    {
      x: info('float', [1], 'x'),
      sequence_id: info('uint64', [1], 'sequence_id'),
      sequence_control_input: info('uint32', [1], 'sequence_control_input'),
    },
    { y: info('float', [1], 'y'), sequence_id: info('uint64', [1], 'sequence_id') },
    count,
  );
  return { versions: new Map([[1n, signatureMap(signature)]]), labels: new Map() };
}

function numberIn(inputs: NamedTensors, name: string): bigint {
  const { bytes } = needNumeric(inputs, name);
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}
