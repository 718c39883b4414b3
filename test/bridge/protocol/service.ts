/** The rows of the protocol table about a server and its models: health, metadata. */
import type { Said } from './asks.ts';
import { everywhere, type Group, readOverRest } from './rows.ts';

/** The body says as much as its status. */
const wellOrNot = (said: Said): Said =>
  typeof said === 'object' && said !== null && 'error' in said ? 'no' : 'yes';

export const service: readonly Group[] = [
  {
    title: 'Health',
    rows: [
      {
        member: 'server live',
        rest: (ask) => ask({ path: 'v2/health/live' }),
        grpc: (ask) => ask('ServerLive'),
        cells: everywhere({
          kind: 'own',
          what: 'the gateway lives',
          is: (said) => JSON.stringify(said) === '{"live":true}',
        }),
      },
      {
        member: 'server ready',
        rest: (ask) => ask({ path: 'v2/health/ready' }),
        grpc: (ask) => ask('ServerReady'),
        cells: everywhere({
          kind: 'own',
          what: 'each configured model has a server',
          is: (said) => JSON.stringify(said) === '{"ready":true}',
        }),
      },
      {
        member: 'model ready, with and without a version; one that is not there',
        rest: async (ask) => [
          wellOrNot(await ask({ path: 'v2/models/identity_float/ready' })),
          wellOrNot(await ask({ path: 'v2/models/identity_float/versions/1/ready' })),
          wellOrNot(await ask({ path: 'v2/models/identity_float/versions/9/ready' })),
        ],
        grpc: async (ask) => [
          await ask('ModelReady', { name: 'identity_float' }),
          await ask('ModelReady', { name: 'identity_float', version: '1' }),
        ],
        cells: readOverRest,
      },
    ],
  },
  {
    title: 'Metadata',
    rows: [
      {
        member: 'server metadata',
        rest: (ask) => ask({ path: 'v2' }),
        grpc: (ask) => ask('ServerMetadata'),
        cells: everywhere({
          kind: 'own',
          what: 'the gateway’s name and version, and the extensions that hold whichever backend answers',
          is: (said) => {
            const { name, extensions } = said as { name: string; extensions: readonly string[] };
            return (
              name === 'tensorgate' &&
              extensions.includes('sequence') &&
              !extensions.includes('cuda_shared_memory')
            );
          },
        }),
      },
      {
        member: 'model metadata: versions, platform, inputs, outputs',
        rest: async (ask) => [
          await ask({ path: 'v2/models/identity_string' }),
          await ask({ path: 'v2/models/identity_string/versions/1' }),
        ],
        grpc: async (ask) => [
          await ask('ModelMetadata', { name: 'identity_string' }),
          await ask('ModelMetadata', { name: 'identity_string', version: '1' }),
        ],
        cells: readOverRest,
      },
    ],
  },
];
