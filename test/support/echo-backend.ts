/**
 * The demo server's model "echo" on raw HTTP/2, that breaks off calls and connections in ways that no server library
 * offers.
 */
import { StatusError } from '../../src/base/status.ts';
import { makeModel } from '../../src/demo/models/index.ts';
import { Registry } from '../../src/demo/registry.ts';
import { type UnaryMethod, unaryMethods } from '../../src/demo/service.ts';
import { ErrorCode } from '../../src/wire/index.ts';
import { frame, h2, headers, uint32 } from './h2-frames.ts';
import {
  dataFrames,
  grpcHeaders,
  type RawBackend,
  type RawBackendOptions,
  type RawCall,
  startRawBackend,
} from './raw-backend.ts';

export interface EchoBackend extends RawBackend {
  /** From now on (or no longer) each answer ends with RST_STREAM(NO_ERROR) in the middle of its message. */
  breaksOff: boolean;
}

/** What the demo server answers, whole. */
function answering(): (path: string, request: Uint8Array) => Promise<Buffer> {
  const model = makeModel('echo');
  if (model === undefined) throw new Error('the demo server has no model "echo"');
  const registry = new Registry();
  registry.add('echo', 'echo', model, {});
  const methods = new Map<string, UnaryMethod>(
    unaryMethods(registry, { tensorContent: true, loadingMs: 0 }).map(
      (method) => [`/${method.service}/${method.name}`, method] as const,
    ),
  );
  return async (path, request) => Buffer.concat((await methods.get(path)?.answer(request)) ?? []);
}

const withStatus = (call: RawCall, code: number): Buffer =>
  headers(call.id, ['grpc-status', String(code)], h2.END_HEADERS | h2.END_STREAM);

/** @param options.maxRequests GOAWAY after so many requests on each connection */
export async function startEchoBackend(
  options: Pick<RawBackendOptions, 'maxRequests'> = {},
): Promise<EchoBackend> {
  const answerTo = answering();
  let breaksOff = false;

  async function answer(call: RawCall): Promise<void> {
    const head = grpcHeaders(call.id);
    let message: Buffer;
    try {
      message = await answerTo(call.path, Buffer.concat(call.body).subarray(5));
    } catch (reason) {
      call.send(head, withStatus(call, StatusError.from(reason).code));
      return;
    }
    const data = dataFrames(call.id, message);
    if (!breaksOff) call.send(head, data, withStatus(call, 0));
    else {
      const payload = data.subarray(9);
      const half = frame(h2.DATA, 0, call.id, payload.subarray(0, payload.length / 2));
      call.send(head, half, frame(h2.RST_STREAM, 0, call.id, uint32(ErrorCode.NO_ERROR)));
    }
  }

  const backend = await startRawBackend({ ...options, keep: true, onCall: (call) => void answer(call) });
  return Object.defineProperty(backend as EchoBackend, 'breaksOff', {
    get: () => breaksOff,
    set: (value: boolean) => (breaksOff = value),
  });
}
