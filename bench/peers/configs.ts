/** How each peer is set up: one thread, windows as wide as the gateway's, no limit that a run would meet. */

export interface Tls {
  readonly cert: string;
  readonly key: string;
}
/** Filters of an Envoy, before its router. */
export type EnvoyFilter = 'web' | 'transcoder';

const windows = { initial_stream_window_size: 2 ** 20, initial_connection_window_size: 2 ** 24 };
const maxBodyBytes = 200_000_000;
const api = 'type.googleapis.com/envoy';
const http = `${api}.extensions.filters.http`;
const loopback = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } });

const webFilter = {
  name: 'envoy.filters.http.grpc_web',
  typed_config: { '@type': `${http}.grpc_web.v3.GrpcWeb` },
};
const transcoder = (descriptors: string): object => ({
  name: 'envoy.filters.http.grpc_json_transcoder',
  typed_config: {
    '@type': `${http}.grpc_json_transcoder.v3.GrpcJsonTranscoder`,
    proto_descriptor: descriptors,
    services: ['tensorflow.serving.PredictionService', 'inference.GRPCInferenceService'],
    auto_mapping: true,
    max_request_body_size: maxBodyBytes,
    max_response_body_size: maxBodyBytes,
  },
});

/** @param descriptors the path of a FileDescriptorSet, for the transcoder */
export function envoyConfig(
  port: number,
  backend: number,
  filters: readonly EnvoyFilter[],
  descriptors: string,
  tls?: Tls,
): string {
  const manager = {
    '@type': `${api}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bench',
    codec_type: 'AUTO',
    http2_protocol_options: { max_concurrent_streams: 1000, ...windows },
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, route: { cluster: 'model', timeout: '60s' } }],
        },
      ],
    },
    http_filters: [
      ...filters.map((filter) => (filter === 'web' ? webFilter : transcoder(descriptors))),
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${http}.router.v3.Router` } },
    ],
  };
  const transport = tls && {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${api}.extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificates: [{ certificate_chain: { filename: tls.cert }, private_key: { filename: tls.key } }],
      },
    },
  };
  const options = `${api}.extensions.upstreams.http.v3.HttpProtocolOptions`;
  const cluster = {
    name: 'model',
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: {
      thresholds: [{ max_connections: 1e5, max_requests: 1e5, max_pending_requests: 1e5 }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': options,
        explicit_http_config: { http2_protocol_options: windows },
      },
    },
    load_assignment: {
      cluster_name: 'model',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(backend) } }] }],
    },
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  const chain = { filters: [filter], ...(transport === undefined ? {} : { transport_socket: transport }) };
  return JSON.stringify({
    static_resources: {
      listeners: [{ address: loopback(port), filter_chains: [chain] }],
      clusters: [cluster],
    },
  });
}

/** @param folder where it may write */
export const nginxConfig = (port: number, backend: number, folder: string): string => `
daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx-${port}.pid;
error_log ${folder}/nginx-${port}.log;
events { worker_connections 20000; }
http {
  access_log off;
  client_body_temp_path ${folder};
  client_body_buffer_size 64m;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  http2_max_concurrent_streams 1000;
  http2_recv_buffer_size 1m;
  grpc_buffer_size 64k;
  grpc_read_timeout 60s;
  upstream model { server 127.0.0.1:${backend}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} http2;
    location / { grpc_pass grpc://model; }
  }
}
`;

export const haproxyConfig = (port: number, backend: number): string => `
global
  nbthread 1
  maxconn 9500
  tune.h2.max-concurrent-streams 1000
  tune.h2.initial-window-size 1048576
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:${port} proto h2
  default_backend model
backend model
  server one 127.0.0.1:${backend} proto h2
`;
