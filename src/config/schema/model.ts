/** What may be said of one model by its name. */
import Type from 'typebox';
import { flag } from './kinds.ts';

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

export const model = Type.Object(
  {
    fleet: Type.Optional(
      Type.String({ description: 'The fleet that serves it; the default fleet when absent.' }),
    ),
    labels: Type.Optional(
      Type.Record(Type.String(), Type.Integer({ minimum: 1 }), {
        description: 'Versions by label, for servers that have no labels of their own.',
      }),
    ),
    stateful: flag(
      false,
      'It keeps state between calls (sequence_id): these keep to one backend, one after the other, and are never sent twice. Needs the whole request before it is sent.',
    ),
    cache: Type.Optional(modelCache),
  },
  { additionalProperties: false, description: 'One model by its name.' },
);
