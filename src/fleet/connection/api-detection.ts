/** Which API a backend speaks, by configuration or by detection, and the bridges for calls in another one. */
import type { Clock } from '../../base/clock.ts';
import { Code, StatusError } from '../../base/status.ts';
import {
  unaryCaller,
  createBridge,
  extensionBridge,
  generateBridge,
  inferStreamBridge,
  reencode,
  tfsDialect,
  tfsServer,
  v2Dialect,
  v2Server,
} from '../../bridge/index.ts';
import {
  type Api,
  askOwn,
  flowOf,
  type Handler,
  type Metadata,
  type Method,
  statusOf,
} from '../../call/index.ts';
import { decodeServerMetadataResponse, encodeGetModelStatusRequest } from '../../codec/index.ts';
import {
  generateMethods,
  isExtension,
  isGenerate,
  isV1,
  methodOf,
  otherApiNow,
  restInferMethod,
  VersionNames,
} from '../../models/index.ts';
import type { FleetOptions } from '../options.ts';

export interface ApiDetectorDeps {
  /** One attempt at the backend, as it is. */
  readonly send: Handler;
  readonly name: string;
  readonly clock: Clock;
}

export type ApiDetectorOptions = Pick<
  FleetOptions,
  'maxControlBytes' | 'maxMessageBytes' | 'maxInflateRatio' | 'encoding' | 'json' | 'nonFinite'
> & {
  readonly api: 'detect' | 'tfs' | 'kserve';
  readonly timeoutMs: number;
};

/** What a backend was found to speak. */
interface DetectedApi {
  /** Calls of these APIs pass untouched. */
  readonly apis: ReadonlySet<Api>;
  /** It takes only OpenVINO Model Server's encodings of a TensorProto. */
  readonly ovms: boolean;
}

const statusMethod = methodOf('/tensorflow.serving.ModelService/GetModelStatus');
const serverMethod = methodOf('/inference.GRPCInferenceService/ServerMetadata');
const metadata: Metadata = ['content-type', 'application/grpc', 'user-agent', 'tensorgate-health'];
/** KServe's V1 is spoken over REST alone. */
const noV1: Handler = () =>
  Promise.reject(new StatusError(Code.UNIMPLEMENTED, "backends over gRPC do not speak KServe's V1"));
const ovmsName = 'OpenVINO Model Server';

/**
 * Detects which APIs a gRPC backend serves (TensorFlow Serving's, KServe V2) by GetModelStatus and ServerMetadata
 * calls, unless the configuration says so, and selects the bridge for calls that cannot pass untouched.
 */
export class ApiDetector {
  readonly #options: ApiDetectorOptions;
  readonly #deps: ApiDetectorDeps;
  readonly #names = new VersionNames();
  readonly #toTfs: Handler;
  readonly #toV2: Handler;
  readonly #toOvms: Handler;
  readonly #generate: Handler;
  readonly #inferStream: Handler;
  readonly #extension: Handler;
  #detected: DetectedApi | undefined;
  #detecting: Promise<DetectedApi> | undefined;
  #extensions: Promise<readonly string[]> | undefined;

  constructor(options: ApiDetectorOptions, deps: ApiDetectorDeps) {
    this.#options = options;
    this.#deps = deps;
    const { api, maxMessageBytes, encoding } = options;
    const { send, name: from } = deps;
    this.#detected = api === 'detect' ? undefined : { apis: new Set([api]), ovms: encoding === 'ovms' };
    this.#toOvms = reencode(options)(send);
    this.#toTfs = createBridge({
      dialect: v2Dialect,
      spoken: "TensorFlow Serving's API",
      // re-encoding passes everything on that it need not change
      server: (call, rebuilt) =>
        tfsServer(
          unaryCaller(call, this.#detected?.ovms === true ? this.#toOvms : send, options, rebuilt),
          maxMessageBytes,
        ),
      from,
      limits: options,
    });
    this.#generate = generateBridge({ send, from, limits: options, json: options.json });
    const { json, nonFinite } = options;
    this.#inferStream = inferStreamBridge({ send, from, limits: options, json, nonFinite });
    this.#extension = extensionBridge({ send, from, limits: options });
    this.#toV2 = createBridge({
      dialect: tfsDialect,
      spoken: 'the KServe V2 API',
      server: (call, rebuilt) =>
        v2Server(unaryCaller(call, send, options, rebuilt), this.#names, maxMessageBytes),
      from,
      limits: options,
    });
  }

  /** "tfs", "kserve", both or none; empty while it is not known. */
  get apis(): readonly Api[] {
    return [...(this.#detected?.apis ?? [])];
  }

  /** Who answers a call of this API; undefined when it passes untouched. */
  bridgeFor(method: Method): Handler | undefined {
    const { api } = method;
    if (api === 'other') return undefined;
    if (isV1(method)) return noV1;
    if (method === restInferMethod) return otherApiNow;
    const spoken = this.#detected;
    if (spoken === undefined) return this.#whenKnown;
    if (spoken.apis.has(api)) {
      if (api === 'tfs') return spoken.ovms ? this.#toOvms : undefined;
      if (method === generateMethods.inferStream) return this.#inferStream;
      if (isGenerate(method)) return this.#generate;
      return isExtension(method) ? this.#extension : undefined;
    }
    // a server that speaks neither says so itself
    if (spoken.apis.size === 0) return undefined;
    return api === 'tfs' ? this.#toV2 : this.#toTfs;
  }

  /** As Transport has it. */
  versionTexts(model: string): readonly string[] | undefined {
    return this.#names.textsOf(model);
  }

  /** As Transport has it. */
  async extensions(): Promise<readonly string[]> {
    try {
      await this.known();
      if (this.#detected?.apis.has('kserve') !== true) return [];
      const asked = (this.#extensions ??= this.#has(serverMethod, new Uint8Array(0)).then((message) =>
        message === undefined ? [] : decodeServerMetadataResponse(message).extensions,
      ));
      return await asked;
    } catch {
      this.#extensions = undefined;
      return [];
    }
  }

  /** Another server may be there now: it is asked again. */
  forget(): void {
    this.#names.forget();
    this.#extensions = undefined;
    if (this.#options.api === 'detect') this.#detected = undefined;
  }

  /** Resolves when it is known what the backend speaks. @throws StatusError when it cannot be asked */
  async known(): Promise<void> {
    if (this.#detected !== undefined) return;
    this.#detecting ??= this.#detect().finally(() => {
      this.#detecting = undefined;
    });
    this.#detected = await this.#detecting;
  }

  readonly #whenKnown: Handler = async (call) => {
    await this.known();
    return (this.bridgeFor(call.method) ?? this.#deps.send)(call);
  };

  async #detect(): Promise<DetectedApi> {
    const [tfs, server] = await Promise.all([
      // no model is named so: a server that has the method refuses the name
      this.#has(statusMethod, encodeGetModelStatusRequest({ name: '', signature: '' })),
      this.#has(serverMethod, new Uint8Array(0)),
    ]);
    const apis = new Set<Api>();
    if (tfs !== undefined) apis.add('tfs');
    if (server !== undefined) apis.add('kserve');
    const { encoding } = this.#options;
    return { apis, ovms: encoding === 'ovms' || (encoding === 'auto' && nameIn(server) === ovmsName) };
  }

  /** The answer (empty for an error status), or undefined when the backend lacks the method. */
  async #has(method: Method, message: Uint8Array): Promise<Uint8Array | undefined> {
    const { timeoutMs, maxControlBytes } = this.#options;
    try {
      const asked = { method, metadata, target: undefined, request: flowOf(message), id: 'health' };
      const { message: answer, trailers } = await askOwn(this.#deps.send, asked, {
        clock: this.#deps.clock,
        timeoutMs,
        maxBytes: maxControlBytes,
        what: method.name,
      });
      const code = statusOf(trailers);
      if (code === Code.UNIMPLEMENTED) return undefined;
      // a server that is starting says nothing about what it speaks
      if (code === Code.UNAVAILABLE)
        throw new StatusError(code, `backend ${this.#deps.name} is not available yet`);
      return code === Code.OK && answer?.compressed === false ? answer.bytes : new Uint8Array(0);
    } catch (reason) {
      // an HTTP server that is no gRPC one at all
      const { code, fromBackend } = StatusError.from(reason);
      if (fromBackend && code === Code.UNIMPLEMENTED) return undefined;
      throw reason;
    }
  }
}

/** The server's name in a ServerMetadataResponse, if it is one. */
function nameIn(message: Uint8Array | undefined): string {
  try {
    return message === undefined ? '' : decodeServerMetadataResponse(message).name;
  } catch {
    return '';
  }
}
