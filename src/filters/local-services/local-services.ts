/** What the gateway answers itself over gRPC: health, reflection, and what KServe V2 asks of a server. */
import type { Filter, Handler } from '../../call/index.ts';
import { type HealthDeps, healthService } from './health.ts';
import { reflectionService } from './reflection.ts';
import { type ServerDeps, serverService } from './v2-server.ts';

export type { HealthDeps } from './health.ts';

const inference = 'inference.GRPCInferenceService';
const health = 'grpc.health.v1.Health';
const reflectionV1 = 'grpc.reflection.v1.ServerReflection';
const reflectionV1alpha = 'grpc.reflection.v1alpha.ServerReflection';

export interface LocalServicesOptions {
  readonly health: boolean;
  readonly reflection: boolean;
  /** Full names of the services behind the gateway, for reflection to list. */
  readonly services: readonly string[];
  /** The gateway's version, which V2 clients may ask for. */
  readonly version: string;
}

/** Answers these services' methods here; every other call goes on. */
export function localServices(
  options: LocalServicesOptions,
  deps: HealthDeps & Pick<ServerDeps, 'extensions'>,
): Filter {
  const local = new Map<string, Handler>();
  if (options.health) local.set(health, healthService(deps));
  if (options.reflection) {
    const listed = [
      ...options.services,
      ...(options.health ? [health] : []),
      reflectionV1,
      reflectionV1alpha,
    ];
    const reflection = reflectionService(listed);
    local.set(reflectionV1, reflection).set(reflectionV1alpha, reflection);
  }
  const server = serverService({ ...deps, version: options.version });
  return (next) => (call) =>
    call.method.service === inference ? server(call, next) : (local.get(call.method.service) ?? next)(call);
}
