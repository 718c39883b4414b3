/** What may be said of one model by its name. */
import Type from 'typebox';
import { batchDimension, bytes, count, flag, mebi, ownMs } from './kinds.ts';

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

const modelDeadlines = Type.Object(
  {
    defaultMs: Type.Optional(ownMs('Instead of deadlines.defaultMs.')),
    maxMs: Type.Optional(ownMs('Instead of deadlines.maxMs; may be more.')),
  },
  { additionalProperties: false, description: 'How long calls of this model may take; streams excepted.' },
);

const destination = {
  model: Type.Optional(Type.String({ minLength: 1, description: 'The model server’s own name.' })),
  version: Type.Optional(Type.Integer({ minimum: 1, description: 'A version.' })),
  label: Type.Optional(Type.String({ minLength: 1, description: 'A label, in the place of a version.' })),
  fleet: Type.Optional(
    Type.String({ minLength: 1, description: 'The fleet that serves it; that of the name when absent.' }),
  ),
};

const field = (description: string) => Type.String({ pattern: '^[a-z0-9-]+$', description });

const mirror = Type.Object(
  {
    model: destination.model,
    version: destination.version,
    fleet: destination.fleet,
    percent: Type.Number({ minimum: 0, maximum: 100, default: 100, description: 'Share of the calls.' }),
    maxInFlight: count(16, 'Copies under way; calls beyond are not copied.'),
    maxBytes: bytes(4 * mebi, 'Larger requests are not copied.'),
  },
  {
    additionalProperties: false,
    description: 'Calls are copied to another model, version or fleet, whose answers are thrown away.',
  },
);

export const model = Type.Object(
  {
    model: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The model server’s own name, when clients know the model by another one.',
      }),
    ),
    fleet: Type.Optional(
      Type.String({
        description:
          'The fleet that serves it; the default fleet when absent. Other fleets may have other models of the same name.',
      }),
    ),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.Integer({ minimum: 1 }), {
        description: 'Versions by label, for servers that have no labels of their own.',
      }),
    ),
    addBatchDimension: Type.Optional(batchDimension('Instead of inputs.addBatchDimension.')),
    stateful: flag(
      false,
      'It keeps state between calls (sequence_id): these keep to one backend, one after the other, and are never sent twice. Needs the whole request before it is sent.',
    ),
    rules: Type.Array(
      Type.Object(
        {
          header: field('Metadata field or header, lower case.'),
          value: Type.String({ description: 'Its value.' }),
          ...destination,
        },
        { additionalProperties: false, description: 'Where calls go that say so.' },
      ),
      { default: [], description: 'Where calls go by a header of theirs; the first that fits decides.' },
    ),
    split: Type.Array(
      Type.Object(
        { weight: Type.Number({ minimum: 0, description: 'Its share of all weights.' }), ...destination },
        { additionalProperties: false, description: 'One part.' },
      ),
      {
        default: [],
        description: 'Calls that name neither version nor label are shared out by weight (canary).',
      },
    ),
    stickyHeader: Type.Optional(
      field('Calls with the same value in this header get the same part of the split.'),
    ),
    mirror: Type.Optional(mirror),
    cache: Type.Optional(modelCache),
    deadlines: Type.Optional(modelDeadlines),
  },
  { additionalProperties: false, description: 'One model by its name.' },
);
