/** Where backends are found when the configuration does not list them. */
import Type from 'typebox';
import { ms, section, text } from './kinds.ts';

const file = Type.Object(
  {
    path: Type.String({ description: 'YAML or JSON with a list `backends`, as in the configuration.' }),
    intervalMs: ms(1000, 'Between two looks at the file.'),
  },
  { additionalProperties: false, description: 'A file that is watched.' },
);

const kubernetes = Type.Object(
  {
    service: Type.String({ description: 'The service whose EndpointSlices are watched.' }),
    namespace: text('', 'Its namespace; empty is the gateway’s own.'),
    port: text('', 'Name or number of the port; empty takes the only one.'),
    scheme: text('grpc', 'As in a backend URL: grpc, tfs, and the same with s for TLS.'),
    apiServer: text(
      'https://kubernetes.default.svc',
      'The API server; the default is its name in every cluster.',
    ),
    tokenFile: text(
      '/var/run/secrets/kubernetes.io/serviceaccount/token',
      'The service account’s token; it needs get, list and watch on endpointslices. Read anew for each request.',
    ),
    caFile: text(
      '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      'The authority of the API server’s certificate.',
    ),
    namespaceFile: text(
      '/var/run/secrets/kubernetes.io/serviceaccount/namespace',
      'Names the gateway’s own namespace.',
    ),
  },
  { additionalProperties: false, description: 'A Kubernetes service.' },
);

export const discovery = section(
  {
    dns: section(
      {
        servers: Type.Array(Type.String(), {
          default: [],
          description: 'DNS servers for dns+ and srv+ URLs, address or address:port; empty for the system’s.',
        }),
        family: Type.Union(
          [Type.Literal('auto'), Type.Literal('ipv4'), Type.Literal('ipv6'), Type.Literal('both')],
          {
            default: 'auto',
            description:
              'Of a name with addresses in IPv4 and in IPv6: auto takes one of each as one backend, and of more those of one family, IPv4 where this machine has it, since servers have both as a rule; both makes a backend of each address.',
          },
        ),
        minTtlMs: ms(1000, 'A shorter TTL is taken for this one: TTLs of 0 would be asked for all the time.'),
        maxTtlMs: ms(60_000, 'A longer TTL is taken for this one, so that a change is seen.'),
      },
      'How DNS names are looked up.',
    ),
    file: Type.Optional(file),
    kubernetes: Type.Optional(kubernetes),
  },
  'Where backends are found besides `backends`; all answers are taken together.',
);
