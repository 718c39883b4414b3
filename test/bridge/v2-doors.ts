/** V2's questions through a gateway's REST and gRPC doors, their answers as JSON has them. */
import { v2Proto } from './servers/v2.ts';
import { overGrpc, Refused } from './clients.ts';
import type { TestGateway } from '../support/index.ts';

export interface V2Door {
  /** The whole answer: one INT32 tensor "x" is asked with. */
  readonly infer: (model: string, version: string) => Promise<Record<string, unknown>>;
  readonly metadata: (model: string, version: string) => Promise<Record<string, unknown>>;
  /** False when it says so, or that there is none. */
  readonly ready: (model: string, version: string) => Promise<boolean>;
  readonly server: () => Promise<Record<string, unknown>>;
  readonly close: () => void;
}

const tensor = { name: 'x', datatype: 'INT32', shape: [1] };

function restDoor(address: string): V2Door {
  const url = (model: string, version: string): string =>
    `http://${address}/v2/models/${encodeURIComponent(model)}` +
    (version === '' ? '' : `/versions/${encodeURIComponent(version)}`);
  async function json(path: string, body?: object): Promise<Record<string, unknown>> {
    const response = await fetch(path, body && { method: 'POST', body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Refused(`HTTP ${response.status}`, text);
    return JSON.parse(text) as Record<string, unknown>;
  }
  return {
    infer: (model, version) => json(`${url(model, version)}/infer`, { inputs: [{ ...tensor, data: [1] }] }),
    metadata: (model, version) => json(url(model, version)),
    async ready(model, version) {
      const response = await fetch(`${url(model, version)}/ready`);
      const text = await response.text();
      if (response.ok || response.status === 404) return response.ok;
      throw new Refused(`HTTP ${response.status}`, text);
    },
    server: () => json(`http://${address}/v2`),
    close: () => undefined,
  };
}

const plain = (parameters: Readonly<Record<string, object>>): object =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, choice]) => [name, Object.values(choice)[0] as unknown]),
  );
/** Parameters as JSON has them, wherever they stand. */
function asJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      name,
      name === 'parameters' ? plain(each as Record<string, object>) : asJson(each),
    ]),
  );
}

function grpcDoor(address: string): V2Door {
  const { unary, close } = overGrpc(address);
  async function ask(method: string, message: object): Promise<Record<string, unknown>> {
    const request = v2Proto(`${method}Request`);
    const bytes = await unary(
      `/inference.GRPCInferenceService/${method}`,
      request.encode(request.fromObject(message)).finish(),
    );
    const type = v2Proto(`${method}Response`);
    return asJson(type.toObject(type.decode(bytes), { longs: Number })) as Record<string, unknown>;
  }
  return {
    infer: (model, version) =>
      ask('ModelInfer', {
        model_name: model,
        model_version: version,
        inputs: [tensor],
        raw_input_contents: [Buffer.from(new Int32Array([1]).buffer)],
      }),
    metadata: (model, version) => ask('ModelMetadata', { name: model, version }),
    ready: (model, version) =>
      ask('ModelReady', { name: model, version }).then(
        ({ ready }) => ready === true,
        (reason: unknown) => {
          if (reason instanceof Refused && reason.code === 'NOT_FOUND') return false;
          throw reason;
        },
      ),
    server: () => ask('ServerMetadata', {}),
    close,
  };
}

export const v2Doors: Readonly<Record<string, (gateway: Pick<TestGateway, 'rest' | 'grpc'>) => V2Door>> = {
  REST: ({ rest }) => restDoor(rest),
  gRPC: ({ grpc }) => grpcDoor(grpc),
};
