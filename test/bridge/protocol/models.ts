/** The models that the protocol table's questions are about. */
import { type BridgeModel, bridgeModels } from '../servers/models.ts';

const tensors = { input: 'x', inputDtype: 'float', rank: 1 } as const;

export const protocolModels: readonly BridgeModel[] = [
  ...bridgeModels.filter(({ name }) => name.startsWith('identity_')),
  // of two open dimensions Triton cannot tell the shape
  { name: 'flat_float', does: 'identity', output: 'x', outputDtype: 'float', ...tensors },
  { name: 'said', does: 'sequence', output: 'id', outputDtype: 'string', ...tensors },
];
