/** grpc.health.v1.Health: the gateway as a whole under "", and every model under its public and its own name. */
import { Code, StatusError } from '../../base/status.ts';
import { type Call, type Handler, type ModelRef, type Reply, replyOf } from '../../call/index.ts';
import {
  decodeHealthCheckRequest,
  encodeHealthCheckResponse,
  encodeHealthListResponse,
  servingStatus,
} from '../../codec/index.ts';
import type { ModelView } from '../../models/index.ts';
import { eachMessage, messageStream, requestMessage } from './messages.ts';

export interface HealthDeps {
  readonly view: ModelView;
  /** The model that clients mean by a name. */
  readonly modelOf: (name: string) => ModelRef;
  /** False while the gateway drains or has no backend at all. */
  readonly ready: () => boolean;
  /** Calls back every so often until the returned function is called; Watch looks for changes then. */
  readonly every: (listener: () => void) => () => void;
}

/** The services whose name stands for the gateway as a whole. */
const ownServices: ReadonlySet<string> = new Set([
  '',
  'tensorflow.serving.PredictionService',
  'tensorflow.serving.ModelService',
  'inference.GRPCInferenceService',
  // TF Serving's own names for them
  'PredictionService',
  'ModelService',
]);

/** health.proto bounds List so. */
const maxListed = 100;

/**
 * Handles grpc.health.v1.Health (health.proto): Check, List and Watch for the gateway's services and for models
 * by name. Check of an unknown name fails with NOT_FOUND, List of more than 100 with RESOURCE_EXHAUSTED.
 */
export function healthService({ view, modelOf, ready, every }: HealthDeps): Handler {
  /** Undefined for a name that is neither ours nor a model's. */
  function statusOf(service: string): number | undefined {
    if (ownServices.has(service)) return ready() ? servingStatus.SERVING : servingStatus.NOT_SERVING;
    const model = view.state(modelOf(service));
    if (model === undefined) return undefined;
    return model.available > 0 ? servingStatus.SERVING : servingStatus.NOT_SERVING;
  }

  async function check(call: Call): Promise<Reply> {
    const service = decodeHealthCheckRequest(await requestMessage(call));
    const status = statusOf(service);
    if (status === undefined)
      throw new StatusError(Code.NOT_FOUND, `no service or model is named "${service.slice(0, 200)}"`);
    return replyOf(encodeHealthCheckResponse(status), 'gateway');
  }

  async function list(call: Call): Promise<Reply> {
    await requestMessage(call);
    const names = [...ownServices, ...view.models().map(({ name }) => name)];
    if (names.length > maxListed) {
      throw new StatusError(
        Code.RESOURCE_EXHAUSTED,
        `there are ${names.length} services, List gives ${maxListed} at most`,
      );
    }
    const statuses = new Map(names.map((name) => [name, statusOf(name) ?? servingStatus.UNKNOWN]));
    return replyOf(encodeHealthListResponse(statuses), 'gateway');
  }

  function watch(call: Call): Promise<Reply> {
    const out = messageStream();
    eachMessage(call.request, {
      message(bytes) {
        const service = decodeHealthCheckRequest(bytes);
        let told: number | undefined;
        const tell = (): void => {
          const status = statusOf(service) ?? servingStatus.SERVICE_UNKNOWN;
          if (status === told) return;
          told = status;
          out.send(encodeHealthCheckResponse(status));
        };
        tell();
        const stop = every(tell);
        call.cancellation.onCancel(stop);
        out.reply.body.onAbandon = stop;
        out.reply.body.whenDone(stop);
      },
      end() {},
      error: out.fail,
    });
    call.cancellation.onCancel(out.fail);
    return Promise.resolve(out.reply);
  }

  const byName: Readonly<Record<string, Handler>> = { Check: check, List: list, Watch: watch };
  return (call) => {
    const method = Object.hasOwn(byName, call.method.name) ? byName[call.method.name] : undefined;
    if (method === undefined) throw new StatusError(Code.UNIMPLEMENTED, `unknown method ${call.method.path}`);
    return method(call);
  };
}
