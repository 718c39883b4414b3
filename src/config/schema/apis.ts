/** What the doors take and give: REST, gRPC, pages of other origins, HTTP/2. */
import Type from 'typebox';
import { batchDimension, bytes, count, flag, gibi, mebi, section } from './kinds.ts';

const headers = (description: string) =>
  Type.Array(Type.String({ pattern: '^[a-z0-9_.-]+\\*?$' }), {
    default: [],
    description: `${description} In lower case; a * at the end stands for any end.`,
  });

export const rest = section(
  {
    maxBodyBytes: bytes(64 * mebi, 'Largest body, after inflation; beyond it 413.'),
    maxDepth: count(64, 'Nesting of JSON. TensorFlow Serving itself dies of a few ten thousand brackets.'),
    maxRank: count(32, 'Dimensions of a tensor.'),
    maxElements: count(
      64 * mebi,
      'Values of all tensors of a request: a digit and a comma become up to eight bytes.',
    ),
    maxStringBytes: bytes(64 * mebi, 'Longest string of a tensor; of base64 what it stands for.'),
    maxExampleValues: count(
      mebi,
      'Examples, features and values of a classify or regress request: each takes about 100 bytes of memory.',
    ),
    maxInflateRatio: count(
      100,
      'Bytes that each byte of a compressed body may become, above the first MiB; text of numbers becomes 3 to 20.',
    ),
    maxReplyBytes: bytes(gibi, 'Largest reply of a backend that is turned into JSON.'),
    metadataStyle: Type.Union([Type.Literal('ovms'), Type.Literal('tfs')], {
      default: 'ovms',
      description: 'Keys of metadata: camelCase, which ovmsclient needs, or TensorFlow Serving’s snake_case.',
    }),
    strictDtypes: flag(
      true,
      'Integer inputs take integer literals only, as in TensorFlow Serving; without it 5.0 is one too.',
    ),
    extraDtypes: flag(
      true,
      'JSON for half, bfloat16 and uint16; without it they are refused, as in TensorFlow Serving.',
    ),
    nonFinite: Type.Union([Type.Literal('literal'), Type.Literal('null'), Type.Literal('string')], {
      default: 'literal',
      description:
        'How replies write NaN and infinities, which JSON has no numbers for: as TensorFlow Serving does (NaN, Infinity; JSON.parse of browsers refuses that), as null, or as a string ("NaN", "-Infinity").',
    }),
    allowReload: flag(false, 'POST /v1/config/reload reads the configuration again; without it 403.'),
    forwardHeaders: headers(
      'Headers of requests that go along to the model servers as metadata, besides authorization, traceparent, tracestate, baggage, b3, cache-control, x-* and those that rules, limits, cache.vary, hashOn and queue.priorityField name: seldon-model, triton-*. To REST servers from every door.',
    ),
    returnHeaders: headers(
      'Fields of a model server’s answer that clients of REST get, besides x-*; of REST servers clients of every door. Pages read them when cors.exposeHeaders names them.',
    ),
    gzipMinBytes: bytes(1024, 'Replies from this size on are compressed for clients that accept gzip.'),
  },
  'The REST door.',
);

export const grpc = section(
  {
    maxMessageBytes: bytes(gibi, 'Largest message: ovmsclient’s own limit.'),
    maxInflateRatio: count(
      100,
      'Bytes that each byte of a compressed message may become where the gateway has to read it, above the first MiB and up to maxMessageBytes; tensors become 2 to 20, empty images 1000.',
    ),
    passthrough: flag(false, 'Services that the gateway does not know go to the default fleet as they are.'),
    allowAdmin: flag(
      false,
      'Methods that change model servers are passed on to every backend of the fleet, over gRPC and over V2’s REST API: config reload of TensorFlow Serving, load and unload of models, trace and log settings; shared memory to a fleet of one backend.',
    ),
    health: flag(true, 'grpc.health.v1, with model names as service names.'),
    reflection: flag(true, 'Server reflection, so that grpcurl needs no proto files.'),
  },
  'Native gRPC and gRPC-Web.',
);

export const inputs = section(
  {
    addBatchDimension: batchDimension(
      'Inputs of Predict that lack the batch dimension (-1) which the model’s signature begins with get one of 1: strings, where all inputs are strings without any dimension, which clients send for one image or text and OpenVINO Model Server takes; all, where each has one dimension less than the signature, for which requests wait until they are here; off. Outputs lose it again where the inputs had no dimension.',
      'strings',
    ),
  },
  'What models get in the place of what clients send.',
);

export const outputs = section(
  {
    tensorContent: Type.Union([Type.Literal('ovms'), Type.Literal('all'), Type.Literal('off')], {
      default: 'ovms',
      description:
        'Replies to Predict get numbers that a model server wrote into typed fields (float_val, int_val and so on, TensorFlow Serving’s usual way) in tensor_content, OpenVINO Model Server’s way, which some of its clients read alone: ovms, where the client asks as these do, for a version that is present and 0; all, for those too that name no version, as its C++ demo; off. These replies wait until they are here.',
    }),
  },
  'What clients get in the place of what models answer.',
);

export const cors = section(
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
);

export const http2 = section(
  {
    maxConcurrentStreams: count(256, 'Calls at once on one connection; more are refused.'),
    maxHeaderListBytes: bytes(65_536, 'Headers of one call or request, over HTTP/1.1 too.'),
    maxHeaderFields: count(256, 'Header fields of one call.'),
    initialWindowBytes: bytes(
      mebi,
      'What may be sent ahead on one call: the memory that a stalled one can hold.',
    ),
    connectionWindowBytes: bytes(16 * mebi, 'The same for all calls of a connection.'),
  },
  'Limits of each HTTP/2 connection.',
);
