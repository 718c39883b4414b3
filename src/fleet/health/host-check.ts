/** Looks at a backend as a whole: grpc.health.v1, or an HTTP path, for servers that cannot say how their models are. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Code, StatusError } from '../../base/status.ts';
import { errorOf, getMetadata, statusOf } from '../../call/index.ts';
import { decodeHealthCheckResponse, encodeHealthCheckRequest, servingStatus } from '../../codec/index.ts';
import { methodOf } from '../../models/index.ts';
import type { BackendAddress } from '../backend-address.ts';
import { whereOf } from '../both-families.ts';
import type { HealthOptions } from '../options.ts';
import { ask, type ProbeDeps } from './probe.ts';

const checkMethod = methodOf('/grpc.health.v1.Health/Check');

/** @throws StatusError UNAVAILABLE unless the service is SERVING */
export async function grpcHealthCheck(service: string, deps: ProbeDeps): Promise<void> {
  const { message, trailers, from } = await ask(
    { method: checkMethod, target: undefined, message: encodeHealthCheckRequest(service) },
    deps,
  );
  if (message === undefined || getMetadata(trailers, 'grpc-status') !== '0') {
    const { message: text } = errorOf(trailers, from);
    throw notServing(`the health check answered ${statusOf(trailers)}: ${text}`);
  }
  if (decodeHealthCheckResponse(message) !== servingStatus.SERVING)
    throw notServing('its health check says that it is not serving');
}

/** @throws StatusError UNAVAILABLE unless the answer is below 400, DEADLINE_EXCEEDED when there is none in time */
export function httpHealthCheck(
  address: BackendAddress,
  options: Pick<HealthOptions, 'path' | 'port' | 'timeoutMs'>,
): Promise<void> {
  const { host, port, tls } = address;
  return new Promise((resolve, reject) => {
    const request = (tls === undefined ? httpRequest : httpsRequest)({
      ...whereOf(address),
      port: options.port === 0 ? port : options.port,
      path: options.path,
      headers: {
        // what is looked up is no name of it
        ...(address.alternates === undefined ? {} : { host: address.name }),
        'user-agent': 'tensorgate-health',
        connection: 'close',
      },
      // a connection of its own each time: that it can be made is part of the question
      agent: false,
      ...(tls === undefined
        ? {}
        : { ca: tls.ca, cert: tls.cert, key: tls.key, servername: tls.serverName ?? host }),
    });
    const timer = setTimeout(() => {
      const text = `no answer to a health check within ${options.timeoutMs} ms`;
      request.destroy(new StatusError(Code.DEADLINE_EXCEEDED, text));
    }, options.timeoutMs);
    request.once('response', (response) => {
      clearTimeout(timer);
      response.destroy();
      const { statusCode = 0 } = response;
      if (statusCode >= 100 && statusCode < 400) resolve();
      else reject(notServing(`its health check answered HTTP status ${statusCode}`));
    });
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error instanceof StatusError ? error : notServing(`health check: ${error.message}`));
    });
    request.end();
  });
}

function notServing(text: string): StatusError {
  return new StatusError(Code.UNAVAILABLE, text);
}
