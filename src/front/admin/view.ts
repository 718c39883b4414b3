/** What the admin door shows of the gateway; the integrator fills it from rooms that the door may not see. */

export interface AdminBackend {
  /** "127.0.0.1:8500" */
  readonly name: string;
  /** Any more that the fleet knows (API, connections, ejections, latency, versions): shown as it is. */
  readonly [field: string]: unknown;
}

export interface AdminFleet {
  readonly name: string;
  readonly backends: readonly AdminBackend[];
  readonly models: readonly {
    readonly name: string;
    readonly versions: readonly { readonly version: bigint; readonly state: string }[];
    readonly backends: number;
    readonly available: number;
  }[];
}

export interface AdminDeps {
  /** The gateway's version. */
  readonly version: string;
  /** The metrics page. */
  readonly render: () => Promise<{ readonly contentType: string; readonly body: string }>;
  readonly fleets: () => readonly AdminFleet[];
  /** Whether new calls should be sent here, and why not: "starting", "draining", "no backend is available". */
  readonly ready: () => { readonly ok: boolean; readonly reason: string };
  /** The configuration in force; the door hides what looks like a secret. */
  readonly config: () => object;
}
