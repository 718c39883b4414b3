/** What a gateway is told: what stays as long as it runs, and what a reload replaces. */
import type { BatchDimensionOptions, TensorContentOptions } from '../bridge/index.ts';
import type { ByModel } from '../call/index.ts';
import type {
  ArrivalOptions,
  CacheOptions,
  HedgeOptions,
  MirrorRule,
  QueueOptions,
  RateLimit,
  RedisStoreOptions,
  RetryOptions,
  SequenceFilterOptions,
  SharedRatesOptions,
  StreamsOptions,
} from '../filters/index.ts';
import type { FleetOptions, HttpFleetOptions } from '../fleet/index.ts';
import type { CorsOptions, ListenOptions, ProxyOptions, RestOptions, RpcOptions } from '../front/index.ts';
import type { CatalogOptions, NameRoute } from '../models/index.ts';
import type { TelemetryOptions } from '../telemetry/index.ts';

export interface GatewayOptions {
  /**
   * Settings that stay as long as the process does, by their names in a configuration: a reload that changes one is
   * refused.
   */
  readonly fixed: ReadonlyMap<string, string | number | undefined>;
  readonly doors: {
    readonly rest: ListenOptions;
    readonly grpc: ListenOptions;
    /** Absent: no admin door. */
    readonly admin?: ListenOptions | undefined;
    /** Operators may drain backends at the admin door. */
    readonly adminActions: boolean;
    /** Host names that browsers may open the admin door by, besides localhost and addresses. */
    readonly adminNames: readonly string[];
    /** Where browsers find the REST and gRPC-Web door, when that is not the admin door's host at the rest port. */
    readonly publicUrl?: string | undefined;
  };
  /** Connections may be closed, answers in flight may not: how a stop goes, in ms. */
  readonly shutdown: { readonly graceMs: number; readonly drainMs: number };
  /** What may be held for clients in this process. */
  readonly memoryBytes: number;
  readonly telemetry: TelemetryOptions;
  /** What the admin door shows as the configuration in force. */
  readonly shown: object;
  readonly dataPlane: DataPlaneOptions;
}

/** The part that a reload replaces. */
export interface DataPlaneOptions {
  readonly fleets: readonly FleetOptions[];
  /** Looks at backends a second, all fleets together. */
  readonly maxProbesPerSecond: number;
  /** Fleets that get HTTP as it is, for the proxy's routes. */
  readonly httpFleets: readonly HttpFleetOptions[];
  /** The fleet of calls whose model no configuration names, or names without a fleet. */
  readonly defaultFleet: string;
  /** By public names, and by own names of models that these lead to: clients may ask by both. */
  readonly names: ReadonlyMap<string, NameRoute>;
  readonly rpc: RpcOptions;
  readonly rest: RestOptions;
  readonly proxy: ProxyOptions;
  readonly cors: CorsOptions;
  readonly catalog: CatalogOptions;
  /** Absent: replies have their numbers where the model server has put them. */
  readonly tensorContent?: TensorContentOptions | undefined;
  /** Absent: no input gets a batch dimension. */
  readonly batchDimension?: BatchDimensionOptions | undefined;
  readonly retry: RetryOptions;
  /** Empty: no limit. */
  readonly rateLimits: readonly RateLimit[];
  /** Absent: no rate is shared with other gateways. */
  readonly sharedLimits?: SharedRatesOptions | undefined;
  /** The share of answers (0 to 1) that "usual" means where latencies are compared. */
  readonly usualQuantile: number;
  /** When a request is here. */
  readonly arrival: ArrivalOptions;
  readonly streams: StreamsOptions;
  /** For addresses of proxies: there are many clients behind each. */
  readonly isTrusted: (address: string) => boolean;
  /** The field in which they say who a request is from; absent: none, or there is no proxy. */
  readonly forwardedHeader: 'x-forwarded-for' | 'forwarded' | undefined;
  /** Absent: no call waits for a place at a backend, and none is refused. */
  readonly queue?: QueueOptions | undefined;
  /** Absent: a call waits for its backend whatever it takes. */
  readonly hedge?: HedgeOptions | undefined;
  /** Absent: no model is stateful. */
  readonly sequences?: SequenceFilterOptions | undefined;
  /** By the model that is asked; empty: no call is copied. */
  readonly mirrors: ByModel<MirrorRule>;
  /** Absent: no cache. */
  readonly cache?: { readonly store: RedisStoreOptions; readonly filter: CacheOptions } | undefined;
  /** gRPC services that the gateway does not know go to the default fleet as they are. */
  readonly passthrough: boolean;
  /** Methods that change a model server are passed on. */
  readonly allowAdmin: boolean;
  readonly health: boolean;
  readonly reflection: boolean;
}
