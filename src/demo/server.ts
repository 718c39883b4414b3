/** One embedded model server: the TF Serving gRPC API over grpc-js, with faults on request. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  Metadata,
  type MethodDefinition,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from '@grpc/grpc-js';
import { Code, StatusError } from '../base/status.ts';
import { startControl } from './control.ts';
import { FaultBox, type Faults } from './faults.ts';
import { healthService, watchHealth } from './health.ts';
import { defaultModels, makeModel, parseModels } from './models/index.ts';
import { CallRecord } from './record.ts';
import { Registry } from './registry.ts';
import { type UnaryMethod, unaryMethods } from './service.ts';

export interface DemoServerOptions {
  /** 0, the default, is any free port. */
  readonly port?: number;
  readonly host?: string;
  /** HTTP port on 127.0.0.1 that takes faults and tells state; 0 is any free port, undefined is none. */
  readonly controlPort?: number;
  /** "digits", "other=echo", "my_model:image"; undefined is every kind. */
  readonly models?: readonly string[];
  /** Sent as the initial metadata "demo-server" of every reply, when given. */
  readonly name?: string;
  /** Predict answers tensor_content in place of typed values. */
  readonly tensorContent?: boolean;
  /** How long models are START and LOADING before they are AVAILABLE. */
  readonly loadingMs?: number;
  readonly faults?: Partial<Faults>;
  /** Calls at once on one connection; no limit when absent. */
  readonly maxConcurrentStreams?: number;
  /** Connections are told to go (GOAWAY) after this time, give or take a tenth, in ms. */
  readonly maxConnectionAgeMs?: number;
  /** PEM texts; with clientCa, clients must show a certificate it signed. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer };
  readonly random?: () => number;
}

export interface DemoServer {
  readonly port: number;
  readonly controlPort?: number;
  readonly faults: FaultBox;
  readonly registry: Registry;
  readonly record: CallRecord;
  /** Cuts every open connection; new ones are welcome. */
  dropConnections(): void;
  readonly connections: number;
  stop(): Promise<void>;
}

/** TF Serving's own limit (2^31 - 1); what it sends has none. */
const maxReceiveBytes = 2 ** 31 - 1;
/** A receive window that does not slow megabyte tensors down; HTTP/2's default is 64 KiB. */
const flowWindowBytes = 4 * 1024 * 1024;
/** In megabytes; Node's default of 10 resets streams of large messages. */
const sessionMemoryMb = 4096;
/** TF Serving cuts status messages here (gRPC only) and says so. */
const maxMessageLength = 1024;

/** A definition that leaves bytes alone. */
const raw = (service: string, name: string, responseStream = false): MethodDefinition<Buffer, Buffer> => ({
  path: `/${service}/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
});

function statusMessage(text: string): string {
  return text.length > maxMessageLength ? `${text.slice(0, maxMessageLength)}...TRUNCATED` : text;
}

type Call = ServerUnaryCall<Buffer, Buffer>;

/** Everything that one call needs of its server. */
interface Context {
  readonly faults: FaultBox;
  readonly record: CallRecord;
  readonly name: string | undefined;
  drop(peer: string): void;
}

async function serve(
  context: Context,
  method: UnaryMethod,
  call: Call,
  done: sendUnaryData<Buffer>,
): Promise<void> {
  const model = method.model(call.request);
  const deadline = call.getDeadline();
  const timeoutMs = Number(deadline) - Date.now();
  context.record.seen({
    method: method.name,
    model,
    metadata: metadataOf(call.metadata),
    timeoutMs: Number.isFinite(timeoutMs) ? timeoutMs : undefined,
    request: call.request,
  });
  try {
    const fate = await context.faults.befall({ inference: method.inference, model }, (stop) =>
      call.once('cancelled', stop),
    );
    if (fate === 'drop') {
      context.drop(call.getPeer());
      return;
    }
    if (call.cancelled) return;
    const chunks = await method.answer(call.request);
    if (context.name !== undefined) {
      const metadata = new Metadata();
      metadata.set('demo-server', context.name);
      call.sendMetadata(metadata);
    }
    done(null, Buffer.concat(chunks));
  } catch (reason) {
    const error =
      reason instanceof StatusError
        ? reason
        : new StatusError(Code.INTERNAL, reason instanceof Error ? reason.message : String(reason));
    if (method.inference && error.code === Code.NOT_FOUND) context.record.misdirected++;
    done({ code: error.code as number, details: statusMessage(error.message) });
  } finally {
    context.record.ended();
  }
}

function metadataOf(metadata: Metadata): [string, string][] {
  return Object.keys(metadata.getMap()).flatMap((name) =>
    metadata
      .get(name)
      .map((value): [string, string] => [name, typeof value === 'string' ? value : value.toString('base64')]),
  );
}

/** Answers once and stays open until the client goes or the server stops, as a health watch does. */
function watch(call: ServerWritableStream<Buffer, Buffer>): void {
  try {
    call.write(Buffer.from(watchHealth(call.request)));
  } catch (reason) {
    const error = StatusError.from(reason);
    call.emit('error', { code: error.code, details: error.message });
  }
}

function credentials(tls: DemoServerOptions['tls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = [{ private_key: tls.key, cert_chain: tls.cert }];
  return ServerCredentials.createSsl(tls.clientCa ?? null, pair, tls.clientCa !== undefined);
}

/** The port behind our own listener, so that single connections can be cut. */
async function listen(
  server: Server,
  options: DemoServerOptions,
  sockets: Map<string, Socket>,
): Promise<{ port: number; close(): void }> {
  const injector = server.createConnectionInjector(credentials(options.tls));
  const listener = createServer({ noDelay: true }, (socket) => {
    const peer = peerOf(socket);
    sockets.set(peer, socket);
    socket.once('close', () => sockets.delete(peer));
    injector.injectConnection(socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve);
  });
  return { port: (listener.address() as AddressInfo).port, close: () => listener.close() };
}

/** As grpc-js prints a call's peer. */
function peerOf(socket: Socket): string {
  const { remoteAddress = '', remotePort = 0 } = socket;
  return remoteAddress.includes(':') ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
}

function fill(registry: Registry, options: DemoServerOptions): void {
  for (const { name, kind } of parseModels(options.models ?? defaultModels)) {
    const model = makeModel(kind);
    if (model !== undefined) registry.add(name, kind, model, { loadingMs: options.loadingMs ?? 0 });
  }
}

/**
 * Starts a model server in this process; it listens when the promise resolves, though its models may still load.
 * @throws Error for an unknown model or a port that is taken.
 */
export async function startDemoServer(options: DemoServerOptions = {}): Promise<DemoServer> {
  const registry = new Registry();
  fill(registry, options);
  const faults = new FaultBox(options.faults ?? {}, options.random ?? Math.random);
  const record = new CallRecord();
  const sockets = new Map<string, Socket>();
  const context: Context = {
    faults,
    record,
    name: options.name,
    drop: (peer) => sockets.get(peer)?.destroy(),
  };

  const server = new Server({
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': flowWindowBytes,
    'grpc-node.max_session_memory': sessionMemoryMb,
    ...(options.maxConcurrentStreams === undefined
      ? {}
      : { 'grpc.max_concurrent_streams': options.maxConcurrentStreams }),
    ...(options.maxConnectionAgeMs === undefined
      ? {}
      : { 'grpc.max_connection_age_ms': options.maxConnectionAgeMs }),
  });
  const methods = unaryMethods(registry, {
    tensorContent: options.tensorContent ?? false,
    loadingMs: options.loadingMs ?? 0,
  });
  for (const method of methods) {
    server.addService(
      { [method.name]: raw(method.service, method.name) },
      {
        [method.name]: (call: Call, done: sendUnaryData<Buffer>) => void serve(context, method, call, done),
      },
    );
  }
  server.addService({ Watch: raw(healthService, 'Watch', true) }, { Watch: watch });

  const listener = await listen(server, options, sockets);
  const dropConnections = (): void => {
    for (const socket of sockets.values()) socket.destroy();
  };
  const demo = {
    port: listener.port,
    faults,
    registry,
    record,
    dropConnections,
    get connections() {
      return sockets.size;
    },
  };
  const control =
    options.controlPort === undefined
      ? undefined
      : await startControl(options.controlPort, demo, options.name ?? '');
  return Object.assign(demo, {
    ...(control === undefined ? {} : { controlPort: control.port }),
    async stop(): Promise<void> {
      registry.stop();
      listener.close();
      server.forceShutdown();
      dropConnections();
      await control?.close();
    },
  });
}
