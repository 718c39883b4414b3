/** Where a backend is, what it speaks, and how it is reached. */

export interface BackendTls {
  /** PEM texts; absent means the system's authorities, and no client certificate. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name to verify and to send in SNI, when it is not the host. */
  readonly serverName?: string | undefined;
}

/** What a backend speaks; "detect" finds it out. */
export type BackendApi = 'detect' | 'tfs' | 'kserve' | 'tfs+http' | 'kserve+http';

/** What all backends that one source finds have in common. */
export interface BackendTraits {
  readonly api: BackendApi;
  /** Absent for plain text. */
  readonly tls?: BackendTls | undefined;
}

export interface BackendAddress extends BackendTraits {
  /** "127.0.0.1:8500": its name in metrics, logs and replies. */
  readonly name: string;
  readonly host: string;
  /** Other addresses of the same server, for when `host` cannot be reached. */
  readonly alternates?: readonly string[] | undefined;
  readonly port: number;
  /** Share of the calls compared with others, above 0; 1 when absent. */
  readonly weight?: number | undefined;
  readonly zone?: string | undefined;
  /** Zones whose calls it is meant for, in the place of its own (`hints.forZones` of an EndpointSlice). */
  readonly forZones?: readonly string[] | undefined;
  /** It is about to end and still serves: it gets new calls only where no other backend can answer. */
  readonly terminating?: true | undefined;
}
