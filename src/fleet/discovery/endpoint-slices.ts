/** What EndpointSlices (discovery.k8s.io/v1) say: the addresses that are ready, with their port and zone. */
import type { BackendAddress } from '../options.ts';
import type { KubernetesOptions } from './kubernetes.ts';
import { nameOf } from './source.ts';

/** The fields that are read of one. */
export interface EndpointSlice {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly addressType?: string;
  readonly endpoints?: readonly Endpoint[] | null;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
}

interface Endpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: { readonly ready?: boolean | null };
  readonly zone?: string;
}

export function isEndpointSlice(value: unknown): value is EndpointSlice {
  const name = (value as { metadata?: { name?: unknown } } | null | undefined)?.metadata?.name;
  return typeof name === 'string';
}

function portOf(slice: EndpointSlice, wanted: string): number | undefined {
  const ports = slice.ports ?? [];
  if (wanted === '') return ports.length === 1 ? ports[0]?.port : undefined;
  const number = Number(wanted);
  // a number that no slice names is the pod's own: slices list only what the service maps
  if (Number.isInteger(number)) return number;
  return ports.find(({ name }) => name === wanted)?.port;
}

/** An endpoint may be in two slices while the controller moves it; unknown readiness counts as ready, as the API says. */
export function backendsIn(
  slices: readonly EndpointSlice[],
  { port: wanted, traits }: Pick<KubernetesOptions, 'port' | 'traits'>,
): BackendAddress[] {
  const found = new Map<string, BackendAddress>();
  for (const slice of slices) {
    const port = portOf(slice, wanted);
    if (port === undefined || (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6')) continue;
    for (const { addresses, conditions, zone } of slice.endpoints ?? []) {
      // consumers use the first address; others were never defined
      const host = addresses?.[0];
      if (host === undefined || conditions?.ready === false) continue;
      const name = nameOf(host, port);
      found.set(name, { ...traits, name, host, port, ...(zone === undefined ? {} : { zone }) });
    }
  }
  return [...found.values()];
}
