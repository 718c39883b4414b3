/** Envoy in front of the same backends, set up as one who knows it would for calls that may be sent twice. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningProcess, startProcess, waitFor } from '../../test/support/index.ts';

export interface Proxy {
  /** "127.0.0.1:PORT" */
  readonly grpc: string;
  readonly process: RunningProcess;
}

const loopback = (port: number): object => ({
  address: { socket_address: { address: '127.0.0.1', port_value: port } },
});
const http2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
    '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
    explicit_http_config: { http2_protocol_options: {} },
  },
};

/** Three tries at different hosts, gRPC health checks, and ejection of up to two of three. */
function configOf(port: number, admin: number, backends: readonly number[]): object {
  const route = {
    match: { prefix: '/' },
    route: {
      cluster: 'models',
      timeout: '0s',
      max_stream_duration: { grpc_timeout_header_max: '0s' },
      retry_policy: {
        retry_on: 'connect-failure,refused-stream,reset,unavailable,resource-exhausted',
        num_retries: 2,
        per_try_timeout: '1s',
        retry_host_predicate: [
          {
            name: 'envoy.retry_host_predicates.previous_hosts',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
            },
          },
        ],
        host_selection_retry_max_attempts: 5,
      },
    },
  };
  const manager = {
    '@type':
      'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'bench',
    codec_type: 'HTTP2',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  const cluster = {
    name: 'models',
    type: 'STATIC',
    connect_timeout: '1s',
    lb_policy: 'LEAST_REQUEST',
    typed_extension_protocol_options: http2,
    circuit_breakers: {
      thresholds: [{ retry_budget: { budget_percent: { value: 20 }, min_retry_concurrency: 10 } }],
    },
    outlier_detection: {
      consecutive_5xx: 5,
      consecutive_gateway_failure: 5,
      split_external_local_origin_errors: true,
      consecutive_local_origin_failure: 5,
      interval: '1s',
      base_ejection_time: '10s',
      max_ejection_percent: 66,
    },
    health_checks: [
      {
        timeout: '1s',
        interval: '1s',
        unhealthy_threshold: 3,
        healthy_threshold: 1,
        grpc_health_check: {},
      },
    ],
    load_assignment: {
      cluster_name: 'models',
      endpoints: [{ lb_endpoints: backends.map((each) => ({ endpoint: loopback(each) })) }],
    },
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return {
    admin: loopback(admin),
    static_resources: {
      listeners: [{ ...loopback(port), filter_chains: [{ filters: [filter] }] }],
      clusters: [cluster],
    },
  };
}

/** @param path of the binary */
export async function startEnvoy(path: string, backends: readonly number[]): Promise<Proxy> {
  const [port, admin] = [await freePort(), await freePort()];
  const file = join(mkdtempSync(join(tmpdir(), 'tensorgate-envoy-')), 'envoy.json');
  writeFileSync(file, JSON.stringify(configOf(port, admin, backends)));
  const flags = ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
  const running = await startProcess(path, flags);
  await waitFor(async () => (await fetch(`http://127.0.0.1:${admin}/ready`)).ok, 20_000, 'Envoy');
  return { grpc: `127.0.0.1:${port}`, process: running };
}
