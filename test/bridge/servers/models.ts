/** The models that every server of the bridge tests has, under the same names and with the same answers. */
import { type DType, dtypes } from '../../../src/codec/index.ts';

export interface BridgeModel {
  readonly name: string;
  /** parameters: what it was asked with; MLServer alone has it. */
  readonly does: 'identity' | 'double' | 'upper' | 'length' | 'parameters';
  readonly input: string;
  readonly output: string;
  readonly inputDtype: DType;
  readonly outputDtype: DType;
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
  })),
  page('my_model', 'double', 'double', 'double'),
  page('my_string', 'upper', 'string', 'string'),
  page('my_image', 'length', 'string', 'float'),
];

function page(name: string, does: BridgeModel['does'], inputDtype: DType, outputDtype: DType): BridgeModel {
  return { name, does, input: 'input_name', output: 'output_name', inputDtype, outputDtype };
}
