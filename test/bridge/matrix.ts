/**
 * What the bridge tests try, and what must come of it: doors x backends x operations and dtypes. docs/bridging.md is
 * made from it.
 */
import type { DType } from '../../src/codec/index.ts';
import { sharedDtypes } from './servers/models.ts';

export type DoorName = 'tfs-rest' | 'tfs-grpc' | 'tfs-web' | 'v2-rest' | 'v2-binary' | 'v2-grpc' | 'v2-web';
export type BackendName =
  | 'demo'
  | 'demo-rest'
  | 'triton'
  | 'triton-rest'
  | 'mlserver'
  | 'mlserver-rest'
  | 'ovms-2026.2'
  | 'ovms-2026.4';

export interface DoorRow {
  readonly name: DoorName;
  /** As the document says it. */
  readonly title: string;
}

export const doors: readonly DoorRow[] = [
  { name: 'tfs-rest', title: 'TensorFlow Serving REST' },
  { name: 'tfs-grpc', title: 'TensorFlow Serving gRPC' },
  { name: 'tfs-web', title: 'TensorFlow Serving over gRPC-Web' },
  { name: 'v2-rest', title: 'KServe V2 REST, JSON' },
  { name: 'v2-binary', title: 'KServe V2 REST, binary tensors' },
  { name: 'v2-grpc', title: 'KServe V2 gRPC' },
  { name: 'v2-web', title: 'KServe V2 over gRPC-Web' },
];

export interface BackendRow {
  readonly name: BackendName;
  readonly title: string;
  readonly scheme: string;
  /** What the test runs against. */
  readonly server: string;
}

export const backends: readonly BackendRow[] = [
  { name: 'demo', title: 'TF Serving', scheme: 'tfs://', server: 'the demo model server' },
  {
    name: 'demo-rest',
    title: 'TF Serving REST',
    scheme: 'tfs+http://',
    server: 'a gateway’s REST door before the demo model server',
  },
  {
    name: 'triton',
    title: 'Triton',
    scheme: 'grpc:// (found out)',
    server: 'Triton 2.51.0 (nvidia-pytriton 0.7.0)',
  },
  { name: 'triton-rest', title: 'Triton REST', scheme: 'kserve+http://', server: 'the same Triton' },
  { name: 'mlserver', title: 'MLServer', scheme: 'kserve://', server: 'MLServer 1.7.1' },
  { name: 'mlserver-rest', title: 'MLServer REST', scheme: 'kserve+http://', server: 'the same MLServer' },
  {
    name: 'ovms-2026.2',
    title: 'OVMS to 2026.2',
    scheme: 'grpc:// (found out)',
    server: 'a stand-in with the encodings and errors of OpenVINO Model Server 2026.2',
  },
  {
    name: 'ovms-2026.4',
    title: 'OVMS from 2026.3',
    scheme: 'grpc:// (found out)',
    server: 'a stand-in with those of 2026.4',
  },
];

export type Operation = 'status' | 'metadata' | DType;
export const operations: readonly Operation[] = ['status', 'metadata', ...sharedDtypes];

/** Why a cell cannot work: the sides do not meet there. The test holds that it fails, with this code. */
export interface Exception {
  readonly backends: readonly BackendName[];
  readonly operations: readonly Operation[];
  /** All doors when absent. */
  readonly doors?: readonly DoorName[];
  /** gRPC status names, one of which it must be; doors over HTTP answer their HTTP equivalents. */
  readonly codes: readonly string[];
  readonly why: string;
}

const tfsDoors: readonly DoorName[] = ['tfs-rest', 'tfs-grpc', 'tfs-web'];

export const exceptions: readonly Exception[] = [
  {
    backends: ['mlserver', 'mlserver-rest'],
    operations: ['bfloat16'],
    codes: ['INTERNAL', 'INVALID_ARGUMENT', 'NOT_FOUND'],
    why: 'MLServer has no BF16: it cannot have such a model.',
  },
  {
    backends: ['ovms-2026.2'],
    doors: tfsDoors,
    operations: ['bool', 'bfloat16'],
    codes: ['INVALID_ARGUMENT'],
    why: 'OpenVINO Model Server takes no BOOL and no BF16 through its TensorFlow Serving API.',
  },
  {
    backends: ['ovms-2026.2'],
    doors: tfsDoors,
    operations: ['uint32', 'uint64'],
    codes: ['INTERNAL'],
    why: 'It cannot write UINT32 and UINT64 outputs through that API.',
  },
  {
    backends: ['ovms-2026.4'],
    operations: ['bfloat16'],
    codes: ['INVALID_ARGUMENT'],
    why: 'OpenVINO Model Server’s V2 API has no BF16.',
  },
  {
    backends: ['ovms-2026.2'],
    doors: ['v2-rest', 'v2-binary', 'v2-grpc', 'v2-web'],
    operations: ['bfloat16'],
    codes: ['INVALID_ARGUMENT'],
    why: 'OpenVINO Model Server’s V2 API has no BF16.',
  },
];

export function exceptionOf(
  door: DoorName,
  backend: BackendName,
  operation: Operation,
): Exception | undefined {
  return exceptions.find(
    (each) =>
      each.backends.includes(backend) &&
      each.operations.includes(operation) &&
      (each.doors ?? doors.map(({ name }) => name)).includes(door),
  );
}
