/** The servers that answer random requests: what each can be asked, and how it is started with random models. */
import type { DType } from '../../../src/codec/index.ts';
import { dtypeOfV2 } from '../../../src/codec/index.ts';
import { startMlserver } from '../servers/mlserver.ts';
import { type RealServer, startTriton, tritonTypeOf } from '../servers/triton.ts';
import type { Abilities, RandomModel } from './requests.ts';
import { datatypes } from './values.ts';

export interface RandomServer {
  readonly name: 'Triton' | 'MLServer';
  readonly tool: 'tritonserver' | 'mlserver';
  readonly able: Abilities;
  readonly start: (models: readonly RandomModel[]) => Promise<RealServer>;
}

function tritonConfig({ name, tensors }: RandomModel): string {
  const tensor = (each: RandomModel['tensors'][number], more: string): string => {
    const type = tritonTypeOf(dtypeOfV2(each.datatype) as DType);
    const dims = Array.from({ length: each.rank }, () => -1).join(', ');
    return `{ name: ${JSON.stringify(each.name)} data_type: ${type} dims: [${dims}] ${more} }`;
  };
  const asked = '{ name: "asked" data_type: TYPE_STRING dims: [1] }';
  return [
    `name: "${name}"`,
    'backend: "python"',
    'max_batch_size: 0',
    `input [${tensors.map((each) => tensor(each, 'optional: true')).join(', ')}]`,
    `output [${tensors.map((each) => tensor(each, '')).join(', ')}, ${asked}]`,
    'instance_group [{ kind: KIND_CPU count: 1 }]',
    '',
  ].join('\n');
}

export const randomServers: readonly RandomServer[] = [
  {
    name: 'Triton',
    tool: 'tritonserver',
    able: {
      datatypes,
      // a model's configuration has no tensor without a dimension
      ranks: [1, 2, 3, 4],
      binary: true,
      classification: true,
      notInJson: ['FP16', 'BF16'],
      doubles: true,
      tensorParameters: true,
      anyIds: true,
    },
    start: (models) =>
      startTriton([], {
        more: models.map((model) => ({
          name: model.name,
          file: 'triton_echo.py',
          config: tritonConfig(model),
        })),
      }),
  },
  {
    name: 'MLServer',
    tool: 'mlserver',
    able: {
      datatypes: datatypes.filter((each) => each !== 'BF16'),
      ranks: [0, 1, 2, 3, 4],
      binary: false,
      classification: false,
      notInJson: [],
      doubles: true,
      tensorParameters: true,
      // an id is a header of its answers, too (Ce-Id), and others break the connection off
      anyIds: false,
    },
    start: (models) =>
      startMlserver(
        [],
        models.map(({ name }) => ({
          name,
          implementation: 'mlserver_echo.EchoModel',
          parameters: { version: '1' },
        })),
      ),
  },
];
