/** How calls are treated on their way: deadlines, second attempts, cached replies. */
import Type from 'typebox';
import { bytes, count, flag, mebi, ms, section, text } from './kinds.ts';

export const deadlines = section(
  {
    defaultMs: ms(
      30_000,
      'For calls that bring none, over REST those without a grpc-timeout header: TensorFlow Serving’s own for REST. A cold model needs more than a proxy’s usual 15 s. Streams (ModelStreamInfer) and services that pass through have none.',
    ),
    maxMs: ms(
      600_000,
      'No call may ask for more, streams and services that pass through excepted: these end by their client’s deadline or by silence.',
    ),
    streamIdleMs: ms(
      600_000,
      'A stream without a byte either way for so long ends with DEADLINE_EXCEEDED; 0: it may be silent for ever. Services that pass through included.',
    ),
  },
  'How long calls may take.',
);

export const retry = section(
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
    budgetPercent: count(
      20,
      'Retries for each hundred calls of the last ten seconds; all calls of one lost connection count as one.',
      0,
    ),
    budgetMinPerSecond: count(3, 'Retries a second that are always allowed, of all workers together.', 0),
    maxBufferedBytes: bytes(
      64 * mebi,
      'Larger requests are sent once: they are not kept for another attempt.',
    ),
  },
  'Second attempts, at another backend.',
);

export const hedge = section(
  {
    enabled: flag(
      true,
      'A call that waits on a silent backend is sent to another too, and the first answer counts; only methods that do no harm twice, never a sequence.',
    ),
    quantile: Type.Number({
      minimum: 0.5,
      maximum: 0.999,
      default: 0.95,
      description:
        'What is normal for a model and size of request: this share of the answers of late of a typical backend began within it.',
    }),
    factor: Type.Number({
      minimum: 1,
      maximum: 100,
      default: 2,
      description: 'Another backend is asked after so many times what is normal: slow is not silent.',
    }),
    minDelayMs: ms(100, 'Never sooner: a healthy server pauses too.'),
    coldDelayMs: ms(1000, 'While fewer than ten answers of late are known.'),
    maxAttempts: count(3, 'Backends that one call may wait for at the same time.', 2),
    budgetPercent: count(5, 'Hedges for each hundred calls of the last ten seconds.', 0),
    budgetMinPerSecond: count(1, 'Hedges a second that are always allowed, of all workers together.', 0),
    maxResetsPerSecond: count(
      20,
      'Losers that are reset at one backend: servers on nghttp2 cut connections beyond 33 a second.',
      0,
    ),
  },
  'A second backend for calls that the first one leaves waiting.',
);

export const queue = section(
  {
    enabled: flag(
      true,
      'Calls wait while every backend of their model has `concurrency.maxInFlight` calls; without it they are sent all the same.',
    ),
    maxLength: count(
      256,
      'Calls of one model that may wait, at all workers together; those beyond are refused at once.',
    ),
    maxWaitMs: ms(
      1000,
      'The longest wait, and never more than half of what is left of the deadline; then RESOURCE_EXHAUSTED or 429 with Retry-After.',
    ),
    priorityField: Type.String({
      default: 'x-tensorgate-priority',
      pattern: '^[a-z0-9-]+$',
      description:
        'Metadata field or header with a call’s priority: high, normal (also without it) or low. Strip it from clients that you do not trust.',
    }),
  },
  'Calls beyond what the backends take.',
);

export const rateLimits = Type.Array(
  Type.Object(
    {
      name: Type.String({
        minLength: 1,
        description: 'What errors, metrics and other gateways call it; no two have the same.',
      }),
      models: Type.Array(Type.String(), {
        default: [],
        description: 'Public or own names of the models that it is for; empty for all.',
      }),
      by: Type.String({
        default: 'model',
        pattern: '^(model|peer|header:[a-z0-9-]+)$',
        description:
          'What has a rate of its own: each model, each client’s address (peer; of IPv6 the /64 network; behind doors.trustedProxies the forwarded one), or each value of a header (header:x-tenant).',
      }),
      withoutHeader: Type.Union([Type.Literal('share'), Type.Literal('pass')], {
        default: 'share',
        description:
          'Calls without the header of `by` have one rate together (share), since leaving it out should gain nothing, or are not held to this limit (pass).',
      }),
      perSecond: Type.Number({ exclusiveMinimum: 0, description: 'Calls a second.' }),
      burst: count(10, 'Calls that may come at once after a pause.'),
      shared: flag(
        false,
        'All gateways hold it together, in the Redis of `sharedLimits`. While that cannot be asked, each gateway holds it alone.',
      ),
    },
    { additionalProperties: false, description: 'One limit.' },
  ),
  {
    default: [],
    description:
      'Calls beyond a rate are refused with RESOURCE_EXHAUSTED or 429 and Retry-After. The workers of a gateway hold a rate together; gateways do where it is `shared`.',
  },
);

export const sharedLimits = section(
  {
    redisUrl: Type.Optional(
      Type.String({
        description: 'As in `cache`; absent means that of the cache.',
      }),
    ),
    waitMs: ms(
      5,
      'The most that a call waits for Redis, ten times what one takes in the same network; then the gateway decides by itself.',
    ),
    timeoutMs: ms(
      50,
      'Redis is down when it has not answered for so long. More than `waitMs`, since one late answer is no outage.',
    ),
    connectTimeoutMs: ms(200, 'For a connection to Redis, in the background.'),
    breakerMs: ms(
      1000,
      'After a missed time-out Redis is not asked for so long. No call pays for trying again.',
    ),
    keyPrefix: text('tensorgate:', 'Before every key.'),
  },
  'Where gateways count the calls of rate limits that are `shared`.',
);

export const cache = section(
  {
    redisUrl: Type.Optional(
      Type.String({
        description:
          'redis://[user:password@]host:port/db, redis-cluster://host:port,host:port or redis-sentinel://host:port,host:port/db?master=NAME; rediss for TLS. Absent means no cache.',
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
);

export const sequences = section(
  {
    idleMs: ms(300_000, 'A sequence without a call for so long is over: OpenVINO Model Server’s own time.'),
    max: count(
      100_000,
      'Sequences whose backend is remembered; beyond it the longest idle one is found by its hash alone.',
    ),
    maxWaiting: count(32, 'Calls of one sequence that may wait for their turn; more get RESOURCE_EXHAUSTED.'),
  },
  'Calls of stateful models.',
);
