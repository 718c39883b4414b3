/** What an operator may say, with every default and its reason; the documentation and the checks are made from it. */
import Type from 'typebox';

/** A whole number of milliseconds. */
const ms = (value: number, description: string) =>
  Type.Integer({ minimum: 0, default: value, description: `${description} In ms.` });
const bytes = (value: number, description: string) =>
  Type.Integer({ minimum: 1, default: value, description: `${description} In bytes.` });
const count = (value: number, description: string, minimum = 1) =>
  Type.Integer({ minimum, default: value, description });
const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description });
const text = (value: string, description: string) => Type.String({ default: value, description });
const port = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: value, description });
const section = <T extends Record<string, Type.TSchema>>(properties: T, description: string) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description });

const mebi = 2 ** 20;
const gibi = 2 ** 30;

const doors = section(
  {
    host: text('0.0.0.0', 'The address to listen on.'),
    restPort: port(8000, 'REST and gRPC-Web; the port that OpenVINO Model Server’s clients expect.'),
    grpcPort: port(9000, 'Native gRPC; the port that OpenVINO Model Server’s clients expect.'),
    adminPort: port(8001, 'Health, metrics and fleet state, for operators; 0 turns the door off.'),
    adminHost: Type.Optional(
      Type.String({ description: 'The address of the admin door; `host` when absent.' }),
    ),
    tls: Type.Optional(
      Type.Object(
        {
          cert: Type.String({ description: 'File with the certificate chain (PEM).' }),
          key: Type.String({ description: 'File with its private key (PEM).' }),
          clientCa: Type.Optional(
            Type.String({
              description:
                'File with the authorities of client certificates (PEM): these are then compulsory.',
            }),
          ),
          admin: flag(true, 'The admin door has TLS too.'),
        },
        { additionalProperties: false, description: 'TLS on every door; absent means plain text.' },
      ),
    ),
    headersTimeoutMs: ms(10_000, 'How long a client may take to say its first bytes, or a header.'),
    keepAliveTimeoutMs: ms(
      75_000,
      'An idle HTTP/1.1 connection is closed after this: longer than a load balancer in front keeps it (60 s commonly).',
    ),
    maxConnections: count(10_000, 'Connections to one door at once; more are closed at once.'),
  },
  'The ports that clients use.',
);

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

const fleet = Type.Object(
  {
    backends: Type.Array(Type.String(), {
      minItems: 1,
      description:
        'URLs of model servers: grpc://host:port or tfs://host:port, and grpcs:// or tfss:// for TLS.',
    }),
    tls: Type.Optional(backendTls),
    health: section(
      {
        intervalMs: ms(5000, 'Between two looks at a backend that is well.'),
        fastIntervalMs: ms(1000, 'While it is down, or a model is loading: its return is seen this soon.'),
        timeoutMs: ms(1000, 'For one look.'),
        fall: count(
          3,
          'Looks in a row that must time out before a backend counts as down. A refused connection is enough at once.',
        ),
        maxLearntModels: count(1000, 'Models that are watched because a call asked for them.'),
      },
      'How backends are watched: GetModelStatus for each model, on the connections that calls use.',
    ),
    ejection: section(
      {
        consecutiveErrors: count(
          5,
          'Failures of a model at a backend in a row (UNAVAILABLE, INTERNAL, UNKNOWN); 0 turns ejection off.',
          0,
        ),
        baseMs: ms(10_000, 'How long the first time; the n-th time n times as long.'),
        maxMs: ms(300_000, 'The longest.'),
        maxPercent: Type.Integer({
          minimum: 0,
          maximum: 100,
          default: 50,
          description:
            'Of the backends that have the model, so many percent at most; one of two always may be. Envoy’s 10 % can eject nobody of a small fleet.',
        }),
      },
      'When a model at a backend is left out for a while.',
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

const modelCache = Type.Object(
  {
    enabled: flag(true, 'Replies of this model are cached.'),
    ttlMs: Type.Optional(Type.Integer({ minimum: 1, description: 'Instead of cache.ttlMs. In ms.' })),
    maxEntryBytes: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Instead of cache.maxEntryBytes. In bytes.' }),
    ),
  },
  { additionalProperties: false, description: 'Response cache of this model; needs cache.redisUrl.' },
);

const model = Type.Object(
  {
    fleet: Type.Optional(
      Type.String({ description: 'The fleet that serves it; the default fleet when absent.' }),
    ),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.Integer({ minimum: 1 }), {
        description: 'Versions by label, for servers that have no labels of their own.',
      }),
    ),
    cache: Type.Optional(modelCache),
  },
  { additionalProperties: false, description: 'One model by its name.' },
);

export const configSchema = Type.Object(
  {
    doors,
    fleets: Type.Record(Type.String(), fleet, {
      default: {},
      description: 'Fleets by name. `--backend` on the command line makes one named default.',
    }),
    defaultFleet: text('default', 'The fleet of models that are not named in `models`.'),
    models: Type.Record(Type.String(), model, {
      default: {},
      description: 'Models by name; others that a backend has are served all the same.',
    }),
    deadlines: section(
      {
        defaultMs: ms(
          30_000,
          'For calls that bring none: TensorFlow Serving’s own for REST. A cold model needs more than a proxy’s usual 15 s.',
        ),
        maxMs: ms(600_000, 'No call may ask for more.'),
      },
      'How long calls may take.',
    ),
    retry: section(
      {
        maxAttempts: count(
          3,
          'The first one included; only for methods that do no harm twice, before any byte of the reply.',
        ),
        maxUnstarted: count(
          6,
          'Attempts when no backend has begun with the call: each costs a refused connection.',
        ),
        backoffMs: ms(
          25,
          'Before the third attempt, doubled from then on; the second goes to another backend at once.',
        ),
        budgetPercent: count(20, 'Retries for each hundred calls of the last ten seconds.', 0),
        budgetMinPerSecond: count(3, 'Retries a second that are always allowed.', 0),
        maxBufferedBytes: bytes(
          64 * mebi,
          'Larger requests are sent once: they are not kept for another attempt.',
        ),
      },
      'Second attempts, at another backend.',
    ),
    cache: section(
      {
        redisUrl: Type.Optional(
          Type.String({
            description: 'redis://[user:password@]host:port/db, or rediss:// for TLS; absent means no cache.',
          }),
        ),
        allModels: flag(false, 'Every model is cached, not only those with a `cache` entry.'),
        ttlMs: ms(60_000, 'How long a reply is kept.'),
        maxEntryBytes: bytes(mebi, 'Larger replies are not kept.'),
        maxRequestBytes: bytes(4 * mebi, 'Larger requests are not looked up.'),
        timeoutMs: ms(20, 'The most that a call waits for Redis.'),
        connectTimeoutMs: ms(200, 'For a connection to Redis, in the background.'),
        breakerMs: ms(5000, 'After a missed time-out Redis is not asked for so long.'),
        keyPrefix: text('tensorgate:', 'Before every key.'),
        vary: Type.Array(Type.String(), {
          default: [],
          description: 'Metadata fields that replies depend on (a tenant’s name): part of the key.',
        }),
      },
      'The response cache.',
    ),
    rest: section(
      {
        maxBodyBytes: bytes(64 * mebi, 'Largest body, after inflation; beyond it 413.'),
        maxDepth: count(
          64,
          'Nesting of JSON. TensorFlow Serving itself dies of a few ten thousand brackets.',
        ),
        maxRank: count(32, 'Dimensions of a tensor.'),
        maxElements: count(64 * mebi, 'Values of a tensor.'),
        maxStringBytes: bytes(64 * mebi, 'Longest string.'),
        maxReplyBytes: bytes(gibi, 'Largest reply of a backend that is turned into JSON.'),
        metadataStyle: Type.Union([Type.Literal('ovms'), Type.Literal('tfs')], {
          default: 'ovms',
          description:
            'Keys of metadata: camelCase, which ovmsclient needs, or TensorFlow Serving’s snake_case.',
        }),
        strictDtypes: flag(
          true,
          'Integer inputs take integer literals only, as in TensorFlow Serving; without it 5.0 is one too.',
        ),
        allowReload: flag(false, 'POST /v1/config/reload reads the configuration again; without it 403.'),
        gzipMinBytes: bytes(1024, 'Replies from this size on are compressed for clients that accept gzip.'),
      },
      'The REST door.',
    ),
    grpc: section(
      {
        maxMessageBytes: bytes(gibi, 'Largest message: ovmsclient’s own limit.'),
        passthrough: flag(
          false,
          'Services that the gateway does not know go to the default fleet as they are.',
        ),
        allowAdmin: flag(false, 'Methods that change a model server (config reload) are passed on.'),
        health: flag(true, 'grpc.health.v1, with model names as service names.'),
        reflection: flag(true, 'Server reflection, so that grpcurl needs no proto files.'),
      },
      'Native gRPC and gRPC-Web.',
    ),
    cors: section(
      {
        origins: Type.Array(Type.String(), {
          default: ['*'],
          description: 'Pages that may call: https://app.example, or * for all; empty for none.',
        }),
        allowCredentials: flag(false, 'Cookies and authorization may be sent along.'),
        maxAgeSeconds: count(
          7200,
          'How long browsers remember a preflight: the most that Chromium does. In seconds.',
          0,
        ),
        exposeHeaders: Type.Array(Type.String(), {
          default: [],
          description: 'Response headers that scripts may read, beyond gRPC’s own.',
        }),
      },
      'Pages of other origins.',
    ),
    http2: section(
      {
        maxConcurrentStreams: count(256, 'Calls at once on one connection; more are refused.'),
        maxHeaderListBytes: bytes(65_536, 'Headers of one call.'),
        maxHeaderFields: count(256, 'Header fields of one call.'),
        initialWindowBytes: bytes(
          mebi,
          'What may be sent ahead on one call: the memory that a stalled one can hold.',
        ),
        connectionWindowBytes: bytes(16 * mebi, 'The same for all calls of a connection.'),
      },
      'Limits of each HTTP/2 connection.',
    ),
    telemetry: section(
      {
        metricsPrefix: Type.String({
          default: 'tensorgate',
          pattern: '^[a-zA-Z_][a-zA-Z0-9_]*$',
          description: 'Before every metric’s name.',
        }),
        maxModels: count(500, 'Models with series of their own.'),
        maxVersionsPerModel: count(16, 'Versions of a model with series of their own.'),
        maxSeries: count(5000, 'Series of one metric.'),
        logLevel: Type.Union(
          ['debug', 'info', 'warn', 'error', 'silent'].map((level) => Type.Literal(level)),
          { default: 'info', description: 'The least that is logged.' },
        ),
        accessLog: Type.Union([Type.Literal('off'), Type.Literal('errors'), Type.Literal('all')], {
          default: 'errors',
          description: 'Calls that are logged.',
        }),
        accessLogSample: Type.Number({
          minimum: 0,
          maximum: 1,
          default: 0,
          description: 'Share of successful calls that are logged with `errors`.',
        }),
      },
      'Metrics and logs.',
    ),
    shutdown: section(
      {
        graceMs: ms(
          5000,
          'After SIGTERM, new calls are still served for so long: load balancers need a moment to see /readyz.',
        ),
        drainMs: ms(20_000, 'Then calls in flight have so long to finish. Kubernetes kills after 30 s.'),
      },
      'How the gateway stops.',
    ),
    workers: Type.Union([Type.Integer({ minimum: 1, maximum: 256 }), Type.Literal('auto')], {
      default: 1,
      description: 'Processes that share the ports; auto is one for each core.',
    }),
  },
  { additionalProperties: false, description: 'Configuration of the gateway.' },
);

export type Config = Type.Static<typeof configSchema>;
