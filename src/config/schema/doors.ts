/** The ports that clients use. */
import Type from 'typebox';
import { bytes, count, flag, ms, port, section, text } from './kinds.ts';

export const doors = section(
  {
    host: text('0.0.0.0', 'The address to listen on.'),
    restPort: port(8000, 'REST and gRPC-Web; the port that OpenVINO Model Server’s clients expect.'),
    grpcPort: port(9000, 'Native gRPC; the port that OpenVINO Model Server’s clients expect.'),
    adminPort: port(8001, 'Dashboard, health and metrics, for operators; 0 turns the door off.'),
    adminHost: Type.Optional(
      Type.String({ description: 'The address of the admin door; `host` when absent.' }),
    ),
    adminNames: Type.Array(Type.String({ pattern: '^[A-Za-z0-9._-]+$' }), {
      default: [],
      description:
        'Host names by which browsers may open the admin door (gateway.example), besides localhost, this machine’s name and any address: a page of another site can let a name of its own point here, and would read and change what the door shows. /healthz, /readyz and /metrics answer by every name.',
    }),
    adminActions: flag(
      false,
      'Operators may drain backends at the admin door, which asks nobody who they are; without it the door only shows.',
    ),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://',
        description:
          'Where browsers find the REST and gRPC-Web door (https://models.example), for the playground; the admin door’s host at `restPort` when absent.',
      }),
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
    headersTimeoutMs: ms(
      10_000,
      'How long a client may take for its TLS handshake, its first bytes, or a header.',
    ),
    bodyTimeoutMs: ms(
      60_000,
      'How long the body of a request that is read whole may take; large ones get more, see minBodyBytesPerSecond.',
    ),
    minBodyBytesPerSecond: bytes(
      100_000,
      'After bodyTimeoutMs a body must have come at this rate at least: a slow mobile line has more.',
    ),
    writeTimeoutMs: ms(
      60_000,
      'A client that takes nothing of what waits for it for so long is cut off: its answer holds memory.',
    ),
    idleTimeoutMs: ms(
      600_000,
      'An HTTP/2 connection without calls is closed after this, in order, so that no call is lost. gRPC clients keep theirs for half an hour.',
    ),
    keepAliveTimeoutMs: ms(
      75_000,
      'An idle HTTP/1.1 connection is closed after this: longer than a load balancer in front keeps it (60 s commonly).',
    ),
    maxConnections: count(
      10_000,
      'Connections to one door at once, TLS handshakes included; more are closed at once.',
    ),
    maxConnectionsPerAddress: count(
      2500,
      'Of these, from one address (IPv6: from one /64 network); more are closed at once. A balancer in front has many clients behind one address: name it in trustedProxies.',
    ),
    trustedProxies: Type.Array(Type.String(), {
      default: [],
      description:
        'Addresses and networks (10.0.0.0/8, 2001:db8::/32) of balancers and proxies in front. maxConnectionsPerAddress leaves them out, and what they say of where a request comes from (forwardedHeader, proxyProtocol) holds for rate limits, shares and the log. Where they say nothing, each of their connections has a share as a client has, and all of them have one rate where that goes by peer.',
    }),
    forwardedHeader: Type.Union(
      ['x-forwarded-for', 'forwarded', 'none'].map((name) => Type.Literal(name)) as [
        Type.TLiteral<'x-forwarded-for'>,
        Type.TLiteral<'forwarded'>,
        Type.TLiteral<'none'>,
      ],
      {
        default: 'x-forwarded-for',
        description:
          'The header in which trustedProxies say the client’s address: the last one in it that is no trusted proxy’s. They must add to it or write it anew; balancers that pass connections (TCP) let clients write it: none.',
      },
    ),
    proxyProtocol: flag(
      false,
      'Connections from trustedProxies begin with a PROXY header, version 1 or 2, at the REST and gRPC doors; those without are closed. Others have none.',
    ),
  },
  'The ports that clients use.',
);
