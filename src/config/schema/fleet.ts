/** A fleet: backends that serve the same models, and how they are treated. */
import Type from 'typebox';
import { count, ms, path, section } from './kinds.ts';

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

export const fleet = Type.Object(
  {
    backends: Type.Array(Type.String(), {
      minItems: 1,
      description:
        'URLs of model servers: tfs:// and kserve:// speak gRPC, tfs+http:// and kserve+http:// REST, grpc://host:port is asked what it speaks; with an s before the colon (grpcs://, tfss://) over TLS. A fleet of http:// URLs serves the routes of `proxy`.',
    }),
    encoding: Type.Union([Type.Literal('auto'), Type.Literal('untouched'), Type.Literal('ovms')], {
      default: 'auto',
      description:
        'How tensors reach a server of TensorFlow Serving’s gRPC API: untouched, or ovms, the one encoding of each type that OpenVINO Model Server takes. auto: ovms for a grpc:// backend that says it is one.',
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
        path: path(
          '/v2/health/ready',
          'What http:// backends are asked: any answer below 400 is health. OpenVINO Model Server and Triton have the default; vLLM and llama.cpp have /health.',
        ),
        modelsPath: path(
          '/v3/models',
          'Where http:// backends list their models as OpenAI’s API does; GET /v1/models shows them too.',
        ),
      },
      'How backends are watched: GetModelStatus for each model, on the connections that calls use; http:// backends by a GET.',
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
