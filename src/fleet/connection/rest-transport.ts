/** A backend over REST: HTTP requests on kept-alive connections, and a bridge for every call. */
import { Code, StatusError } from '../../base/status.ts';
import {
  abilitiesOf,
  BridgeMemory,
  createBridge,
  extensionAnswer,
  extensionPath,
  isV1List,
  jsonOf,
  KnownSignatures,
  type ModelServer,
  refusedReply,
  type RestAnswer,
  type RestAsk,
  type RestQuestion,
  tfsDialect,
  tfsRestServer,
  type V2Abilities,
  v2Dialect,
  v2RestServer,
} from '../../bridge/index.ts';
import {
  type Api,
  type Call,
  Cancellation,
  joinedWith,
  type Metadata,
  type Method,
  noMetadata,
  type Reply,
  replyOf,
  type TakesHeader,
  takesOfAnswers,
  takesOfRequests,
} from '../../call/index.ts';
import { chunksLength, type TensorOptions } from '../../codec/index.ts';
import { isExtension, isGenerate, otherApiNow, restInferMethod, VersionNames } from '../../models/index.ts';
import type { BackendAddress } from '../backend-address.ts';
import { createHttpClient } from '../http/client.ts';
import type { FleetOptions } from '../options.ts';
import { createRestInfer } from './rest-infer.ts';
import { bodyOf, wholeAnswer } from './rest-messages.ts';
import { type Begun, createRestStreams } from './rest-streams.ts';
import type { OnOver, Transport, TransportEvents } from './transport.ts';

type RestApi = 'tfs+http' | 'kserve+http';

interface SharedAsk {
  readonly own?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
}

/** What a client's metadata may tell an HTTP backend. */
function headersOf({ metadata }: Pick<Call, 'metadata'>, takes: TakesHeader): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < metadata.length; i += 2) {
    const name = metadata[i] as string;
    // what it says of caches is for the gateway's own
    if (takes(name) && name !== 'cache-control')
      headers[name] = joinedWith(headers[name], metadata[i + 1] as string);
  }
  return headers;
}

/** What an HTTP backend's answer tells its client. */
function metadataOf({ headers }: Pick<RestAnswer, 'headers'>, takes: TakesHeader): Metadata {
  const metadata: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !takes(name)) continue;
    for (const each of [value].flat()) metadata.push(name, each);
  }
  return metadata.length === 0 ? noMetadata : metadata;
}

/** What a REST server of V2 has no path for as it is. */
const isBridged = (method: Method): boolean =>
  method !== restInferMethod && !isGenerate(method) && !isExtension(method);

const names: Readonly<Record<RestApi, string>> = {
  'tfs+http': "TensorFlow Serving's REST API",
  'kserve+http': 'the KServe V2 REST API',
};
/** Cheap, and any answer to it shows that somebody is there. */
const healthPath: Readonly<Record<RestApi, string>> = {
  'tfs+http': '/v1/models/-',
  'kserve+http': '/v2/health/live',
};
/**
 * What is asked for all calls may take so long, in ms: a server that is busy answers late, and calls with less time
 * give up sooner.
 */
const sharedTimeoutMs = 10_000;
const ignore: OnOver = () => undefined;

/**
 * Creates the transport of a backend that serves REST alone. Calls are bridged to TensorFlow Serving's REST API or
 * KServe V2's; at a V2 backend, calls that came over REST keep their HTTP body where it takes it. A call in an API
 * that has no bridge fails with UNIMPLEMENTED.
 */
export function createRestTransport(
  address: BackendAddress & { readonly api: RestApi },
  options: FleetOptions,
  { events }: { readonly events: TransportEvents },
): Transport {
  const { api, name } = address;
  const { maxMessageBytes, maxControlBytes, connection, json } = options;
  const client = createHttpClient(address, connection.connectTimeoutMs, connection.maxConnections);
  const versions = new VersionNames();
  const signatures = new KnownSignatures();
  const tensors: TensorOptions = { limits: json, strictDtypes: false, maxTensorBytes: maxMessageBytes };
  const takesHeader = takesOfRequests(options.forwardHeaders ?? []);
  const returnsHeader = takesOfAnswers(options.returnHeaders ?? []);
  let inFlight = 0;
  let abilities: Promise<V2Abilities> | undefined;
  let v1: Promise<boolean> | undefined;

  /**
   * Sends a question.
   * @param rebuilt where its body is counted
   * @returns with the head of the answer what has to be called once at the end
   */
  async function begin(
    { path, body, headers }: RestQuestion,
    own: Readonly<Record<string, string>>,
    cancellation: Cancellation,
    rebuilt: BridgeMemory,
  ): Promise<Begun> {
    const abort = new AbortController();
    const stop = cancellation.onCancel((reason) => {
      abort.abort(reason);
    });
    inFlight++;
    const over = (): void => {
      stop();
      inFlight--;
    };
    try {
      rebuilt.made(body ?? []);
      const reply = await client.send({
        method: body === undefined ? 'GET' : 'POST',
        target: path,
        headers: {
          ...own,
          ...headers,
          // nothing is gained by compression between us, and its answers would have to be read
          'accept-encoding': 'identity',
          ...(body === undefined ? {} : { 'content-length': String(chunksLength(body)) }),
        },
        body: body === undefined ? undefined : bodyOf(body),
        signal: abort.signal,
        // the call's own deadline ends it
        headersTimeoutMs: 0,
        idleTimeoutMs: 0,
      });
      return { reply, over };
    } catch (reason) {
      over();
      throw reason;
    }
  }

  function failed(reason: unknown, cancellation: Cancellation): StatusError {
    const error = cancellation.reason ?? StatusError.from(reason, name);
    if (error.disposition === 'not-started') {
      forget();
      events.onLost(error);
    }
    return error;
  }

  async function roundTrip(
    question: RestQuestion,
    own: Readonly<Record<string, string>>,
    cancellation: Cancellation,
    maxBytes: number,
    rebuilt: BridgeMemory,
  ): Promise<RestAnswer> {
    try {
      const { reply, over } = await begin(question, own, cancellation, rebuilt);
      // what has no body asks about a model, or whether anybody is there
      const { isControl = question.body === undefined } = question;
      return await wholeAnswer(reply, isControl ? Math.min(maxBytes, maxControlBytes) : maxBytes, {
        ...{ name, isControl, rebuilt },
      }).finally(over);
    } catch (reason) {
      throw failed(reason, cancellation);
    }
  }

  /** A call of extensionMethods. */
  async function extension(call: Call): Promise<Reply> {
    const { target, cancellation } = call;
    const rebuilt = new BridgeMemory(call.memory);
    try {
      const path = extensionPath(call, target === undefined ? '' : versions.textOf(target));
      const answer = await roundTrip(
        { path },
        headersOf(call, takesHeader),
        cancellation,
        maxMessageBytes,
        rebuilt,
      );
      const body = extensionAnswer(answer, path, name);
      return { ...replyOf(body, name), metadata: metadataOf(answer, returnsHeader) };
    } catch (reason) {
      return refusedReply(reason, name);
    } finally {
      rebuilt.end();
    }
  }

  function forget(): void {
    versions.forget();
    restInfer.forget();
    restStreams.forget();
    signatures.forget();
    abilities = undefined;
    v1 = undefined;
  }

  const asking =
    (call: Call, rebuilt: BridgeMemory): RestAsk =>
    async (question) => {
      const own = headersOf(call, takesHeader);
      const answer = await roundTrip(question, own, call.cancellation, maxMessageBytes, rebuilt);
      rebuilt.metadata = metadataOf(answer, returnsHeader);
      return answer;
    };

  /** What no call's end may end. @throws StatusError DEADLINE_EXCEEDED when there is no answer in that time */
  async function askForAll(
    question: RestQuestion,
    { own = {}, timeoutMs = sharedTimeoutMs, maxBytes = maxControlBytes }: SharedAsk = {},
  ): Promise<RestAnswer> {
    const cancellation = new Cancellation();
    const timer = setTimeout(() => {
      const text = `backend ${name}: no answer within ${timeoutMs} ms`;
      cancellation.cancel(new StatusError(Code.DEADLINE_EXCEEDED, text));
    }, timeoutMs);
    try {
      return await roundTrip(question, own, cancellation, maxBytes, new BridgeMemory(undefined));
    } finally {
      clearTimeout(timer);
    }
  }

  /** The same with one call's credentials, as its own question would have. */
  const askingForAll =
    (call: Call): RestAsk =>
    (question) =>
      askForAll(question, { own: headersOf(call, takesHeader), maxBytes: maxMessageBytes });

  /** Asked by the first call that needs it, for all. */
  function known(): Promise<V2Abilities> {
    abilities ??= askForAll({ path: '/v2' })
      .then((answer) => (answer.status === 200 ? abilitiesOf(jsonOf(answer, name)) : abilitiesOf({})))
      .catch((reason: unknown) => {
        abilities = undefined;
        throw reason;
      });
    return abilities;
  }

  /** The same for KServe's V1, which servers of V2 may speak too. */
  function knownV1(): Promise<boolean> {
    v1 ??= askForAll({ path: '/v1/models' })
      .then((answer) => answer.status === 200 && isV1List(jsonOf(answer, name)))
      .catch((reason: unknown) => {
        v1 = undefined;
        throw reason;
      });
    return v1;
  }

  function server(call: Call, rebuilt: BridgeMemory): ModelServer {
    const ask = asking(call, rebuilt);
    const { cancellation } = call;
    if (api === 'tfs+http') {
      const wait = <T>(promise: Promise<T>): Promise<T> => cancellation.until(promise);
      return tfsRestServer(ask, {
        where: name,
        limits: json,
        signatures,
        askForAll: askingForAll(call),
        wait,
      });
    }
    const abilitiesNow = (): Promise<V2Abilities> => cancellation.until(known());
    return v2RestServer(ask, {
      where: name,
      names: versions,
      tensors,
      abilities: abilitiesNow,
      speaksV1: () => cancellation.until(knownV1()),
      id: call.method.api === 'tfs' ? call.id : undefined,
    });
  }
  const bridges = {
    tfs: createBridge({ dialect: tfsDialect, spoken: names[api], server, from: name, limits: options }),
    kserve: createBridge({ dialect: v2Dialect, spoken: names[api], server, from: name, limits: options }),
  };

  const restInfer = createRestInfer({
    ...{ name, options, tensors, asking, askingForAll, abilities: known, modelInfer: bridges.kserve },
  });
  const restStreams = createRestStreams({
    ...{ name, options, versions, failed },
    begin: (question, call, rebuilt) =>
      begin(question, headersOf(call, takesHeader), call.cancellation, rebuilt),
    returned: (answer) => metadataOf(answer, returnsHeader),
  });
  const direct = (call: Call): Promise<Reply> => {
    if (call.method === restInferMethod) return restInfer.answer(call);
    return isGenerate(call.method) ? restStreams.answer(call) : extension(call);
  };

  return {
    get connections() {
      // each request under way holds one
      return inFlight;
    },
    // they are made as requests need them
    connected: true,
    streamLimit: connection.maxConnections,
    apis: [] satisfies Api[],
    async extensions() {
      if (api === 'tfs+http') return [];
      return known().then(
        ({ extensions }) => extensions,
        () => [],
      );
    },
    versionTexts: (model) => versions.textsOf(model),
    async send(call, onOver = ignore) {
      const { api: asked, path } = call.method;
      try {
        if (asked === 'other') {
          const text = `backend ${name} speaks ${names[api]}, it cannot answer ${path}`;
          throw new StatusError(Code.UNIMPLEMENTED, text);
        }
        const reply =
          api === 'kserve+http' && !isBridged(call.method)
            ? await direct(call)
            : await (call.method === restInferMethod ? otherApiNow : bridges[asked])(call);
        reply.body.whenDone((error) => {
          onOver(error, reply.body.trailers);
        });
        return reply;
      } catch (reason) {
        const error = StatusError.from(reason, name);
        onOver(error, noMetadata);
        throw error;
      }
    },
    async connect() {
      await askForAll({ path: healthPath[api] }, { timeoutMs: options.health.timeoutMs });
    },
    forget,
    watch: () => undefined,
    close(graceful) {
      client.close(graceful);
    },
  };
}
