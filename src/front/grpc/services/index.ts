/** The gRPC services that the gateway answers itself: health and reflection. */
import type { Filter, Handler } from '../../../call/index.ts';
import { type HealthDeps, healthService } from './health.ts';
import { reflectionService } from './reflection.ts';

export type { HealthDeps } from './health.ts';

const health = 'grpc.health.v1.Health';
const reflectionV1 = 'grpc.reflection.v1.ServerReflection';
const reflectionV1alpha = 'grpc.reflection.v1alpha.ServerReflection';

export interface LocalServicesOptions {
  readonly health: boolean;
  readonly reflection: boolean;
  /** Full names of the services behind the gateway, for reflection to list. */
  readonly services: readonly string[];
}

/** Answers these services' methods here; every other call goes on. */
export function localServices(options: LocalServicesOptions, deps: HealthDeps): Filter {
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
  return (next) => async (call) => (local.get(call.method.service) ?? next)(call);
}
