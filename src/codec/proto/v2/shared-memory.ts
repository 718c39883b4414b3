/** Triton's messages about shared memory (grpc_service.proto), and the same as its HTTP endpoint has them. */
import { type ExactJson, type ExactObject, isObject, readExactObject } from '../../exact-json.ts';
import { jsonMessage } from './json-message.ts';
import { messageJson } from './message-json.ts';

const memoryKinds = { system: 'SystemSharedMemory', cuda: 'CudaSharedMemory' } as const;
const memoryActions = { status: 'Status', register: 'Register', unregister: 'Unregister' } as const;

/** What is asked of which memory. */
export interface V2MemoryQuestion {
  readonly kind: keyof typeof memoryKinds;
  readonly action: keyof typeof memoryActions;
}

/** "SystemSharedMemoryStatus" */
export const memoryMethod = ({ kind, action }: V2MemoryQuestion): string =>
  `${memoryKinds[kind]}${memoryActions[action]}`;

/** @param asked the region's name, and what a body of HTTP has @throws OutOfBounds for a member of another type */
export const encodeMemoryRequest = (question: V2MemoryQuestion, asked: ExactObject): Uint8Array =>
  jsonMessage(asked, `${memoryMethod(question)}Request`);

/** @throws StatusError INVALID_ARGUMENT for what is no such message */
export const decodeMemoryRequest = (question: V2MemoryQuestion, message: Uint8Array): ExactObject =>
  readExactObject(Buffer.from(messageJson(message, `${memoryMethod(question)}Request`)));

/** What a server over HTTP lists: its regions. */
export function encodeMemoryStatus(
  { kind }: Pick<V2MemoryQuestion, 'kind'>,
  listed: readonly ExactJson[],
): Uint8Array {
  const regions = listed.filter(isObject).map((region) => [String(region.name as string), region] as const);
  return jsonMessage({ regions: Object.fromEntries(regions) }, `${memoryKinds[kind]}StatusResponse`);
}

/** The same from a server over gRPC. */
export function decodeMemoryStatus(
  { kind }: Pick<V2MemoryQuestion, 'kind'>,
  message: Uint8Array,
): readonly ExactJson[] {
  const { regions } = readExactObject(
    Buffer.from(messageJson(message, `${memoryKinds[kind]}StatusResponse`)),
  );
  return isObject(regions) ? Object.values(regions) : [];
}
