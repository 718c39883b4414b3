/** How calls are treated on their way: deadlines, second attempts, cached replies. */
import Type from 'typebox';
import { bytes, count, flag, mebi, ms, section, text } from './kinds.ts';

export const deadlines = section(
  {
    defaultMs: ms(
      30_000,
      'For calls that bring none: TensorFlow Serving’s own for REST. A cold model needs more than a proxy’s usual 15 s.',
    ),
    maxMs: ms(600_000, 'No call may ask for more.'),
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
    budgetPercent: count(20, 'Retries for each hundred calls of the last ten seconds.', 0),
    budgetMinPerSecond: count(3, 'Retries a second that are always allowed.', 0),
    maxBufferedBytes: bytes(
      64 * mebi,
      'Larger requests are sent once: they are not kept for another attempt.',
    ),
  },
  'Second attempts, at another backend.',
);

export const cache = section(
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
);
