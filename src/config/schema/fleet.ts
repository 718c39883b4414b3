/** A fleet: backends that serve the same models, and how they are treated. */
import Type from 'typebox';
import { discovery } from './discovery.ts';
import { bytes, count, flag, mebi, ms, path, section, text } from './kinds.ts';

const backendTls = Type.Object(
  {
    ca: Type.Optional(
      Type.String({
        description: 'File with the authorities of backend certificates (PEM); absent means the system’s.',
      }),
    ),
    cert: Type.Optional(Type.String({ description: 'File with the gateway’s own certificate (PEM).' })),
    key: Type.Optional(Type.String({ description: 'File with its private key (PEM).' })),
    serverName: Type.Optional(Type.String({ description: 'Name to verify, when it is not the host.' })),
  },
  { additionalProperties: false, default: {}, description: 'For backends whose URL asks for TLS.' },
);

const percent = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 100, default: value, description });

const choice = <T extends string>(values: readonly [T, ...T[]], description: string) =>
  Type.Union(
    values.map((value): Type.TLiteral<T> => Type.Literal(value)),
    {
      default: values[0],
      description,
    },
  );

const health = section(
  {
    check: choice(
      ['model', 'grpc', 'http'],
      'model asks for the state of each model and is what makes the fleet safe; grpc (grpc.health.v1) and http only say that a server is there.',
    ),
    service: text('', 'The service that a grpc check asks for; empty is the whole server.'),
    path: path(
      '/v2/health/ready',
      'What http:// backends and http checks are asked: any answer below 400 is health. OpenVINO Model Server and Triton have the default; vLLM and llama.cpp have /health.',
    ),
    modelsPath: path(
      '/v3/models',
      'Where http:// backends list their models as OpenAI’s API does; GET /v1/models shows them too.',
    ),
    port: Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 0,
      description: 'The port of http checks; 0 is the port of the calls.',
    }),
    intervalMs: ms(5000, 'Between two looks at a model that is well.'),
    fastIntervalMs: ms(1000, 'While it is loading, or the backend is down: a return is seen this soon.'),
    timeoutMs: ms(1000, 'For one look.'),
    fall: count(
      3,
      'Looks in a row that must time out before a backend counts as down. A refused connection is enough at once.',
    ),
    rise: count(
      2,
      'Rounds in a row that must go well before a backend that was down gets calls again, so that one that flaps gets none. The first ever is enough.',
    ),
    maxLearntModels: count(1000, 'Models that are watched because a call asked for them.'),
  },
  'How backends are watched: each model, on the connections that calls use; http:// backends by a GET.',
);

const ejection = section(
  {
    consecutiveErrors: count(
      5,
      'Failures of a model at a backend in a row (UNAVAILABLE, INTERNAL, UNKNOWN, a broken stream, where the same call then did well elsewhere; a lost connection); 0 leaves them uncounted.',
      0,
    ),
    failurePercent: percent(
      50,
      'Or more than this share of the calls of ten seconds: catches what fails often and not always. 0 leaves it uncounted.',
    ),
    minCalls: count(20, 'Calls in those ten seconds below which a share says nothing.'),
    baseMs: ms(10_000, 'How long the first time; the n-th time n times as long.'),
    maxMs: ms(300_000, 'The longest.'),
    maxPercent: percent(
      50,
      'Of the backends that have the model, so many percent at most; one of two always may be. Envoy’s 10 % can eject nobody of a small fleet.',
    ),
  },
  'When a model at a backend is left out for a while; a whole backend only when connections break.',
);

const balance = section(
  {
    policy: choice(
      ['least-outstanding', 'peak-ewma', 'round-robin', 'weighted', 'ring-hash'],
      'Two at random and of these the one with less outstanding work fits uneven inference; docs/balancing.md compares all.',
    ),
    hashOn: text('model', 'What ring-hash goes by: model, or the name of a metadata field of the call.'),
    boundPercent: Type.Integer({
      minimum: 101,
      maximum: 1000,
      default: 125,
      description:
        'The most that ring-hash gives one backend, in hundredths of its fair share of the outstanding work.',
    }),
    zone: text('', 'The gateway’s own zone, whose backends are preferred; empty prefers none.'),
    zoneSpillFactor: Type.Number({
      minimum: 1,
      maximum: 100,
      default: 2,
      description:
        'Calls leave the zone when its backends have so many times the outstanding work of others.',
    }),
    slowStartMs: ms(
      10_000,
      'A model that came up gets a tenth of its share and all of it after this time: caches and compilers are cold. Not at the gateway’s own start.',
    ),
    quorumPercent: percent(
      50,
      'Calls without a version run the newest one that more than this share of the backends have: a client does not go to and fro between versions while one is rolled out.',
    ),
    panicPercent: percent(
      50,
      'When fewer than this share are left, the ejected ones are taken again; never those without the model.',
    ),
  },
  'How one of several backends is chosen.',
);

const warmUp = section(
  {
    requests: count(
      0,
      'Replays of a recorded request at a backend where a model has just come up, before it gets calls; 0 is off. Only calls without a version are recorded, and none of their metadata.',
      0,
    ),
    timeoutMs: ms(10_000, 'For one replay.'),
    maxBytes: bytes(mebi, 'Larger requests are not recorded.'),
  },
  'Warming of models before clients feel that they are cold.',
);

const listed = Type.Union([
  Type.String(),
  Type.Object(
    {
      url: Type.String({ description: 'As above.' }),
      weight: Type.Optional(
        Type.Number({
          exclusiveMinimum: 0,
          maximum: 1000,
          description: 'Its share of the calls; 1 when absent.',
        }),
      ),
      zone: Type.Optional(Type.String({ description: 'Where it stands.' })),
    },
    { additionalProperties: false },
  ),
]);

export const fleet = Type.Object(
  {
    backends: Type.Array(listed, {
      maxItems: 2000,
      default: [],
      description:
        'URLs of model servers: tfs:// and kserve:// speak gRPC, tfs+http:// and kserve+http:// REST, grpc://host:port is asked what it speaks; with an s before the colon (grpcs://, tfss://) over TLS. A fleet of http:// URLs serves the routes of `proxy`. Or {url, weight, zone}. dns+tfs://name:port stands for the A and AAAA records of a name, srv+tfs://name for its SRV records.',
    }),
    encoding: Type.Union([Type.Literal('auto'), Type.Literal('untouched'), Type.Literal('ovms')], {
      default: 'auto',
      description:
        'How tensors reach a server of TensorFlow Serving’s gRPC API: untouched, or ovms, the one encoding of each type that OpenVINO Model Server takes. auto: ovms for a grpc:// backend that says it is one.',
    }),
    discovery,
    tls: Type.Optional(backendTls),
    health,
    ejection,
    balance,
    warmUp,
    concurrency: section(
      {
        maxInFlight: Type.Union([Type.Literal('auto'), Type.Integer({ minimum: 1 })], {
          default: 'auto',
          description:
            'Calls at one backend at once, of all workers together, and no more than its own stream limit on all connections allows. auto: 64, or as many as it answered of late in 20 ms if these are more (1,000 at most): a thousand for every server, as elsewhere, is a minute of GPU work.',
        }),
        adaptive: flag(
          false,
          'The limit follows the latency: it falls when calls take more than twice as long as at an idle backend. Off, because a server that batches wants a queue of its own.',
        ),
        minInFlight: count(4, 'An adaptive limit does not fall below this.'),
        maxStreams: count(
          256,
          'Streams (ModelStreamInfer, services that pass through) at one backend at once, of all workers together; they take none of the places of other calls. Beyond it RESOURCE_EXHAUSTED, or the client with most streams loses one.',
        ),
      },
      'How much a backend is given at once.',
    ),
    connection: section(
      {
        connectTimeoutMs: ms(1000, 'For TCP, TLS and the first HTTP/2 frame together.'),
        hungAfterMs: ms(
          1000,
          'Silence with calls in flight before a connection is asked for a sign of life, and again before it is given up.',
        ),
        maxConnections: count(
          16,
          'Connections to one backend. OpenVINO Model Server allows as many streams on each as it has cores.',
        ),
        maxQueue: count(1024, 'Calls that may wait for a stream at one backend.'),
      },
      'The connections to a backend.',
    ),
  },
  { additionalProperties: false, description: 'Backends that serve the same models.' },
);
