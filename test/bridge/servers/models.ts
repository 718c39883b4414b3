/** The models that every server of the bridge tests has, under the same names and with the same answers. */
import { type DType, dtypes } from '../../../src/codec/index.ts';

export interface BridgeModel {
  readonly name: string;
  /**
   * parameters: what it was asked with, which MLServer alone has; sequence: its sequence id as text, which Triton
   * alone has.
   */
  readonly does: 'identity' | 'double' | 'upper' | 'length' | 'parameters' | 'sequence';
  readonly input: string;
  readonly output: string;
  readonly inputDtype: DType;
  readonly outputDtype: DType;
  /** Dimensions of its tensors, for servers that insist on their number. */
  readonly rank: 1 | 2;
  /** MLServer's, whose versions are texts; "1" when absent. */
  readonly version?: string;
}

/** The dtypes that both APIs have. */
export const sharedDtypes = (Object.keys(dtypes) as DType[]).filter((dtype) => 'v2' in dtypes[dtype]);

/** identity_DTYPE gives its input back; the others are those of OpenVINO Model Server's client page. */
export const bridgeModels: readonly BridgeModel[] = [
  ...sharedDtypes.map((dtype): BridgeModel => ({
    name: `identity_${dtype}`,
    does: 'identity',
    input: 'x',
    output: 'x',
    inputDtype: dtype,
    outputDtype: dtype,
    // strings have one dimension everywhere: OpenVINO Model Server knows no others
    rank: dtype === 'string' ? 1 : 2,
  })),
  page('my_model', 'double', 'double', 'double'),
  page('my_string', 'upper', 'string', 'string'),
  page('my_image', 'length', 'string', 'float'),
];

/** What test/clients/rows.ts asks. */
export const pageModels: readonly BridgeModel[] = [
  page('my_model', 'double', 'double', 'double'),
  page('my_matrix', 'double', 'double', 'double', 2),
  page('my_string', 'upper', 'string', 'string'),
  page('my_image', 'length', 'string', 'float'),
  {
    name: 'my_float',
    does: 'identity',
    input: 'x',
    output: 'x',
    inputDtype: 'float',
    outputDtype: 'float',
    rank: 1,
  },
];

function page(
  name: string,
  does: BridgeModel['does'],
  inputDtype: DType,
  outputDtype: DType,
  rank: 1 | 2 = 1,
): BridgeModel {
  return { name, does, input: 'input_name', output: 'output_name', inputDtype, outputDtype, rank };
}
