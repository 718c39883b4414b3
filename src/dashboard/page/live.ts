/** What the gateway says every second: the state of the fleet and its traffic, over server-sent events. */

export interface VersionState {
  /** 64-bit, so text. */
  readonly version: string;
  readonly state: string;
  readonly errorMessage?: string;
}

export interface BackendState {
  readonly name: string;
  readonly up: boolean;
  readonly reason: string;
  readonly drained: boolean;
  readonly terminating?: true;
  readonly zone?: string;
  readonly inFlight: number;
  readonly connections: number;
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly VersionState[];
    readonly ejected?: { readonly forMs: number; readonly reason: string };
    /** Its share of the calls, compared with others. */
    readonly weight?: number;
  }[];
}

export interface FleetState {
  readonly name: string;
  readonly isDefault: boolean;
  readonly backends: readonly BackendState[];
  readonly models: readonly {
    readonly name: string;
    /** Names that clients ask for it by. */
    readonly asked: readonly string[];
    readonly versions: readonly VersionState[];
    readonly backends: number;
    readonly available: number;
  }[];
}

/** One second of traffic. */
export interface Point {
  readonly at: number;
  readonly calls: number;
  readonly errors: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly retries: number;
  readonly hits: number;
  readonly misses: number;
}

export interface TrafficOf {
  readonly name: string;
  /** Of a model that is not the default fleet's. */
  readonly fleet?: string;
  readonly rate: number;
  readonly errorRate: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly calls: number;
  readonly errors: number;
  readonly retries: number;
  readonly ejections: number;
}

export interface Hello {
  readonly version: string;
  readonly node: string;
  readonly pid: number;
  readonly uptimeS: number;
  /** The REST and gRPC-Web door. */
  readonly webUrl: string;
  readonly adminActions: boolean;
  readonly points: readonly Point[];
}

export interface State {
  readonly at: number;
  readonly ready: { readonly ok: boolean; readonly reason: string };
  /** The newest reload of the configuration, while it is refused. */
  readonly refusedReload?: { readonly at: string; readonly reason: string };
  readonly fleets: readonly FleetState[];
  readonly point?: Point;
  readonly totals: {
    readonly calls: number;
    readonly inFlight: number;
    readonly codes: Readonly<Record<string, number>>;
    readonly retries: number;
    readonly ejections: number;
    readonly cache: Readonly<Record<string, number>>;
    readonly limits: Readonly<Record<string, number>>;
    readonly backends: readonly TrafficOf[];
    readonly models: readonly TrafficOf[];
  };
}

/** Seconds that the charts show. */
export const maxPoints = 300;

export interface Live {
  readonly hello: Hello | undefined;
  readonly state: State | undefined;
  readonly points: readonly Point[];
  /** False while the gateway does not answer; what is shown is old then. */
  readonly connected: boolean;
}

/** Follows the gateway for as long as the page is open. */
export function follow(onChange: (live: Live) => void): void {
  let hello: Hello | undefined;
  let state: State | undefined;
  let points: Point[] = [];
  const tell = (connected: boolean): void => {
    onChange({ hello, state, points, connected });
  };
  const source = new EventSource('api/events');
  source.addEventListener('hello', (event: MessageEvent<string>) => {
    hello = JSON.parse(event.data) as Hello;
    points = [...hello.points];
  });
  source.addEventListener('state', (event: MessageEvent<string>) => {
    state = JSON.parse(event.data) as State;
    const { point } = state;
    if (point !== undefined && point.at !== points.at(-1)?.at) points = [...points, point].slice(-maxPoints);
    tell(true);
  });
  source.addEventListener('error', () => {
    tell(false);
    // after some answers (503) a browser does not try again by itself
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10_000);
  });
}
