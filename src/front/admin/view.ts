/** What the admin door shows of the gateway; the integrator fills it from rooms that the door may not see. */

export interface AdminBackend {
  /** "127.0.0.1:8500" */
  readonly name: string;
  /** Any more that the fleet knows (API, connections, ejections, latency, versions): shown as it is. */
  readonly [field: string]: unknown;
}

export interface AdminFleet {
  readonly name: string;
  /** Figures of its models' traffic are those without a fleet. */
  readonly isDefault: boolean;
  readonly backends: readonly AdminBackend[];
  readonly models: readonly {
    readonly name: string;
    /** Names that clients ask for it by. */
    readonly asked: readonly string[];
    readonly versions: readonly { readonly version: bigint; readonly state: string }[];
    readonly backends: number;
    readonly available: number;
  }[];
}

/** Traffic of the last minutes, second by second; shown as it is. */
export interface AdminTraffic {
  /** Ends a second, in ms since 1970; the door calls it once in each. */
  tick(at: number): unknown;
  readonly points: readonly object[];
  /** Sums since the start, and what each backend and model does right now. */
  totals(): object;
}

/** One file of the dashboard, as it goes over the wire. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzip: Buffer;
  /** With its quotes. */
  readonly etag: string;
}

/** The door that pages call models at. */
export interface ClientListener {
  readonly port: number;
  readonly tls: boolean;
  /** Where it is for a browser, when that is not the same host at the same port. */
  readonly url?: string | undefined;
}

export interface AdminDeps {
  /** The gateway's version. */
  readonly version: string;
  /** The metrics page. */
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly fleets: () => readonly AdminFleet[];
  /** Whether new calls should be sent here, and why not: "starting", "draining", "no backend is available". */
  readonly ready: () => { readonly ok: boolean; readonly reason: string };
  /** The newest reload, while it is refused: when (in ms since 1970), and every mistake, a line each. */
  readonly refusedReload: () => { readonly at: number; readonly message: string } | undefined;
  /** The configuration in force; the door hides what looks like a secret. */
  readonly config: () => object;
  readonly traffic: AdminTraffic;
  /** The dashboard's files by path; "/" is the page itself. */
  readonly page: () => ReadonlyMap<string, PageFile>;
  /** The docs as a site, below /docs/. */
  readonly docs: {
    /** False in a build without them. */
    readonly isThere: boolean;
    /** By the path below /docs/. */
    find(path: string): Promise<PageFile> | undefined;
  };
  readonly clientListener: () => ClientListener;
  /** Host names that browsers may open the door by, besides localhost and addresses. */
  readonly names: () => readonly string[];
  /**
   * What takes a backend out of the choice or back in (false when there is none); undefined: the configuration
   * forbids it.
   */
  readonly setDrained: () => ((fleet: string, backend: string, drained: boolean) => boolean) | undefined;
}
