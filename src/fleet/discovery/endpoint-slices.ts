/** What EndpointSlices (discovery.k8s.io/v1) say: the addresses that are ready, with their port and zone. */
import { isIP } from 'node:net';
import type { BackendAddress } from '../backend-address.ts';
import { type Family, familyOf, hostsOf, ownFamily } from './families.ts';
import type { KubernetesOptions } from './kubernetes.ts';
import { nameOf } from './source.ts';

/**
 * The fields that are read of one. Only the name is known to be there: the rest is what some API server sent, and a
 * part that is nothing of the kind is passed over, so that it does not hide the others.
 */
export interface EndpointSlice {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly addressType?: unknown;
  readonly endpoints?: unknown;
  readonly ports?: unknown;
}

type Json = Readonly<Record<string, unknown>>;

const objectIn = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? (value as Json) : {};
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const portIn = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535 ? value : undefined;

/** Type guard: an object whose `metadata.name` is a string. The other fields are checked where they are read. */
export function isEndpointSlice(value: unknown): value is EndpointSlice {
  return typeof objectIn(objectIn(value).metadata).name === 'string';
}

function portOf(slice: EndpointSlice, wanted: string): number | undefined {
  const ports = listIn(slice.ports).map(objectIn);
  if (wanted === '') return ports.length === 1 ? portIn(ports[0]?.port) : undefined;
  const number = Number(wanted);
  // a number that no slice names is the pod's own: slices list only what the service maps
  if (Number.isInteger(number)) return number;
  return portIn(ports.find(({ name }) => name === wanted)?.port);
}

/**
 * An endpoint may be in two slices while the controller moves it; unknown readiness counts as ready, as the API says.
 */
export function backendsIn(
  slices: readonly EndpointSlice[],
  { port: wanted, traits }: Pick<KubernetesOptions, 'port' | 'traits'>,
  preferred: Family = ownFamily(),
): BackendAddress[] {
  /** By the pod where it is said, which has an address in each slice of another family; else by the address. */
  const found = new Map<string, { addresses: Map<Family, string>; port: number; zone: string | undefined }>();
  for (const slice of slices) {
    const port = portOf(slice, wanted);
    if (port === undefined || (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6')) continue;
    for (const { addresses, conditions, zone, targetRef } of listIn(slice.endpoints).map(objectIn)) {
      // consumers use the first address; others were never defined
      const [host] = listIn(addresses);
      if (typeof host !== 'string' || isIP(host) === 0 || objectIn(conditions).ready === false) continue;
      const { uid } = objectIn(targetRef);
      const key = typeof uid === 'string' && uid !== '' ? `${uid} ${port}` : nameOf(host, port);
      const known = found.get(key)?.addresses ?? new Map<Family, string>();
      found.set(key, {
        addresses: known.set(familyOf(host), host),
        port,
        zone: typeof zone === 'string' ? zone : undefined,
      });
    }
  }
  return [...found.values()].map(({ addresses, port, zone }) => {
    const hosts = hostsOf([...addresses.values()], preferred);
    const name = nameOf(hosts.host, port);
    return { ...traits, name, ...hosts, port, ...(zone === undefined ? {} : { zone }) };
  });
}
