/** Rows whose figure is the CPU of one request: what is sent to whom, and how much of it. */
import type { EnvoyFilter } from './configs.ts';
import { type Body, inferReply, predictReply, type Reply, replyTensors, v2HeadBytes } from './fixtures.ts';
import type { Load, Send } from './load.ts';
import type { Column } from './results.ts';
import type { Setting, Target } from './stage.ts';

export interface RequestRow {
  readonly name: string;
  readonly setting: Setting;
  /** Of a measured round. */
  readonly requests: number;
  readonly clients: number;
  readonly streams: number;
  readonly http1: boolean;
  /** The gateway's and, where no other is named, the peers'. */
  readonly send: Send;
  /** What Envoy is sent in its place: the same tensors as its transcoder reads them, or as gRPC-Web. */
  readonly envoy?: Send;
  /** Peers that can do it. */
  readonly peers: readonly Column[];
  readonly minBytes: number;
}

const predictPath = '/tensorflow.serving.PredictionService/Predict';
const inferPath = '/inference.GRPCInferenceService/ModelInfer';
const web = (type: string): Pick<Send, 'type' | 'fields'> => ({
  type,
  fields: ['x-grpc-web: 1', `accept: ${type}`],
});
const grpc = (body: Body, path: string): Send => ({
  body,
  path,
  type: 'application/grpc',
  fields: ['te: trailers'],
});
const json = (body: Body, path: string): Send => ({ body, path, type: 'application/json' });
const predictJson = '/v1/models/m:predict';
const inferJson = '/v2/models/m/infer';

const settingOf = (
  reply: Reply,
  filters: readonly EnvoyFilter[],
  tls = false,
  api: 'tfs' | 'v2' = 'tfs',
): Setting => ({ reply, api, tls, filters });
const settings = {
  web: settingOf('small', ['web']),
  json: settingOf('small', ['transcoder']),
  tlsWeb: settingOf('small', ['web'], true),
  tlsJson: settingOf('small', ['transcoder'], true),
  v2Web: settingOf('small', ['web'], false, 'v2'),
  v2Json: settingOf('small', ['transcoder'], false, 'v2'),
};

const proxies: readonly Column[] = ['envoy', 'nginx', 'haproxy'];
const onlyEnvoy: readonly Column[] = ['envoy'];
const smallReply = predictReply(replyTensors.small as never).length;
const smallV2Reply = inferReply(replyTensors.small as never).length;
/** Of an answer in JSON; an error that is 2xx is not known of any. */
const minJsonBytes = 10;

const smallGrpc = { requests: 20_000, clients: 8, streams: 32, http1: false } as const;
const imageGrpc = { requests: 600, clients: 8, streams: 4, http1: false } as const;
const smallHttp1 = { requests: 12_000, clients: 16, streams: 1, http1: true } as const;
const imageHttp1 = { requests: 600, clients: 8, streams: 1, http1: true } as const;
/** Such a request takes Envoy tens of ms. */
const largeJson = { requests: 40, clients: 4, streams: 1, http1: true } as const;

const smallPredict = grpc('small.grpc', predictPath);
const imagePredict = grpc('image.grpc', predictPath);
const smallJson = json('small.json', predictJson);
const smallProtoJson = json('small.proto.json', predictPath);

export const requestRows: readonly RequestRow[] = [
  {
    ...{ name: 'grpc-small', setting: settings.web, ...smallGrpc, send: smallPredict },
    ...{ peers: proxies, minBytes: smallReply },
  },
  {
    ...{ name: 'grpc-image-600KB', setting: settings.web, ...imageGrpc, send: imagePredict },
    ...{ peers: proxies, minBytes: smallReply },
  },
  {
    ...{ name: 'grpc-web-small', setting: settings.web, ...smallHttp1 },
    send: { body: 'small.grpc', path: predictPath, ...web('application/grpc-web+proto') },
    ...{ peers: onlyEnvoy, minBytes: smallReply },
  },
  {
    ...{ name: 'grpc-web-text', setting: settings.web, ...smallHttp1 },
    send: { body: 'small.grpc-web-text', path: predictPath, ...web('application/grpc-web-text') },
    ...{ peers: onlyEnvoy, minBytes: smallReply },
  },
  {
    ...{ name: 'grpc-web-image-600KB', setting: settings.web, ...imageHttp1 },
    send: { body: 'image.grpc', path: predictPath, ...web('application/grpc-web+proto') },
    ...{ peers: onlyEnvoy, minBytes: smallReply },
  },
  {
    ...{ name: 'json-small', setting: settings.json, ...smallHttp1, send: smallJson, envoy: smallProtoJson },
    ...{ peers: onlyEnvoy, minBytes: minJsonBytes },
  },
  {
    ...{ name: 'json-in-image-3MB', setting: settings.json, ...largeJson },
    ...{ send: json('image.json', predictJson), envoy: json('image.proto.json', predictPath) },
    ...{ peers: onlyEnvoy, minBytes: minJsonBytes },
  },
  {
    ...{ name: 'json-in-u8-640KB', setting: settings.json, ...largeJson, requests: 100 },
    ...{ send: json('pixels.json', predictJson), envoy: json('pixels.proto.json', predictPath) },
    ...{ peers: onlyEnvoy, minBytes: minJsonBytes },
  },
  {
    ...{ name: 'json-out-1000', setting: settingOf('1000', ['transcoder']), ...smallHttp1, requests: 4000 },
    ...{ send: smallJson, envoy: smallProtoJson, peers: onlyEnvoy, minBytes: 5000 },
  },
  {
    ...{ name: 'json-out-150528', setting: settingOf('image', ['transcoder']), ...largeJson },
    ...{ send: smallJson, envoy: smallProtoJson, peers: onlyEnvoy, minBytes: 1_000_000 },
  },
  {
    ...{ name: 'tls-grpc-small', setting: settings.tlsWeb, ...smallGrpc, send: smallPredict },
    ...{ peers: onlyEnvoy, minBytes: smallReply },
  },
  {
    ...{ name: 'tls-grpc-image-600KB', setting: settings.tlsWeb, ...imageGrpc, send: imagePredict },
    ...{ peers: onlyEnvoy, minBytes: smallReply },
  },
  {
    ...{ name: 'tls-json-small', setting: settings.tlsJson, ...smallHttp1 },
    ...{ send: smallJson, envoy: smallProtoJson, peers: onlyEnvoy, minBytes: minJsonBytes },
  },
  {
    ...{ name: 'v2-grpc-small', setting: settings.v2Web, ...smallGrpc },
    ...{ send: grpc('v2-small.grpc', inferPath), peers: proxies, minBytes: smallV2Reply },
  },
  {
    ...{ name: 'v2-grpc-image-600KB', setting: settings.v2Web, ...imageGrpc },
    ...{ send: grpc('v2-image.grpc', inferPath), peers: proxies, minBytes: smallV2Reply },
  },
  {
    ...{ name: 'v2-json-small', setting: settings.v2Json, ...smallHttp1 },
    ...{ send: json('v2-small.json', inferJson), envoy: json('v2-small.proto.json', inferPath) },
    ...{ peers: onlyEnvoy, minBytes: minJsonBytes },
  },
  {
    ...{ name: 'v2-json-in-image-3MB', setting: settings.v2Json, ...largeJson },
    ...{ send: json('v2-image.json', inferJson), envoy: json('v2-image.proto.json', inferPath) },
    ...{ peers: onlyEnvoy, minBytes: minJsonBytes },
  },
  {
    // no peer reads V2's binary tensors: Envoy's gRPC-Web of the same tensor is the nearest to it
    ...{ name: 'v2-binary-image-600KB', setting: settings.v2Web, ...imageHttp1 },
    send: {
      ...{ body: 'v2-image.bin', path: inferJson, type: 'application/octet-stream' },
      fields: [`inference-header-content-length: ${v2HeadBytes}`],
    },
    envoy: { body: 'v2-image.grpc', path: inferPath, ...web('application/grpc-web+proto') },
    ...{ peers: onlyEnvoy, minBytes: minJsonBytes },
  },
];

/** The row of a name. @throws Error when there is none */
export function requestRow(name: string): RequestRow {
  const row = requestRows.find((each) => each.name === name);
  if (row === undefined) throw new Error(`no row is called ${name}`);
  return row;
}

/** What a row sends to one column. */
export function loadOf(row: RequestRow, column: Column, target: Target, folder: string): Load {
  const send = column === 'envoy' ? (row.envoy ?? row.send) : row.send;
  const port = row.http1 ? target.httpPort : target.grpcPort;
  const { requests, clients, streams, http1, minBytes } = row;
  const url = `${row.setting.tls ? 'https' : 'http'}://127.0.0.1:${port}${send.path}`;
  return { url, send, folder, requests, clients, streams, http1, minBytes };
}
