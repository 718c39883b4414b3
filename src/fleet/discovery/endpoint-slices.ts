/** What EndpointSlices (discovery.k8s.io/v1) say: addresses that take calls, with their port, zone and hints. */
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

interface Endpoint {
  readonly addresses: Map<Family, string>;
  readonly port: number;
  zone: string | undefined;
  forZones: readonly string[] | undefined;
  terminating: boolean;
}

/** Undefined when it takes no calls at all. Unknown readiness counts as ready, as the API says. */
function stateOf(conditions: Json): 'ready' | 'terminating' | undefined {
  const ready = conditions.ready !== false;
  if (conditions.terminating !== true) return ready ? 'ready' : undefined;
  // a pod that is terminating is never ready, except where the Service publishes addresses that are not
  return ready || conditions.serving === true ? 'terminating' : undefined;
}

function zonesIn(hints: unknown): readonly string[] | undefined {
  const zones = listIn(objectIn(hints).forZones).flatMap((each) => {
    const { name } = objectIn(each);
    return typeof name === 'string' && name !== '' ? [name] : [];
  });
  return zones.length === 0 ? undefined : zones;
}

/** A pod has one endpoint in the slices of each family; without a pod, nothing but the address says which it is. */
function keyOf(targetRef: unknown, host: string, port: number): string {
  const { uid, kind, namespace, name } = objectIn(targetRef);
  if (typeof uid === 'string' && uid !== '') return `${uid} ${port}`;
  if (typeof name === 'string' && name !== '') return JSON.stringify([kind, namespace, name, port]);
  return nameOf(host, port);
}

/**
 * The backends that slices of one Service name, by pod: endpoints that are ready, and, marked, those that terminate
 * and still serve. Hints count when each ready endpoint has some, as with kube-proxy: where the controller is at work,
 * or gives none, they would leave endpoints without calls.
 * @param preferred the family whose address names a pod that has both
 */
export function backendsIn(
  slices: readonly EndpointSlice[],
  { port: wanted, traits }: Pick<KubernetesOptions, 'port' | 'traits'>,
  preferred: Family = ownFamily(),
): BackendAddress[] {
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    const port = portOf(slice, wanted);
    if (port === undefined || (slice.addressType !== 'IPv4' && slice.addressType !== 'IPv6')) continue;
    for (const { addresses, conditions, zone, hints, targetRef } of listIn(slice.endpoints).map(objectIn)) {
      // consumers use the first address; others were never defined
      const [host] = listIn(addresses);
      const state = stateOf(objectIn(conditions));
      if (typeof host !== 'string' || isIP(host) === 0 || state === undefined) continue;
      const key = keyOf(targetRef, host, port);
      let endpoint = found.get(key);
      if (endpoint === undefined) {
        endpoint = {
          addresses: new Map(),
          port,
          zone: undefined,
          forZones: undefined,
          terminating: false,
        };
        found.set(key, endpoint);
      }
      endpoint.addresses.set(familyOf(host), host);
      if (typeof zone === 'string') endpoint.zone = zone;
      endpoint.forZones = zonesIn(hints) ?? endpoint.forZones;
      // nothing comes back from it: a slice that does not say so yet is written next
      if (state === 'terminating') endpoint.terminating = true;
    }
  }
  const endpoints = [...found.values()];
  const isHinted = endpoints.every(({ forZones, terminating }) => terminating || forZones !== undefined);
  return endpoints.map(({ addresses, port, zone, forZones, terminating }) => {
    const hosts = hostsOf([...addresses.values()], preferred);
    return {
      ...traits,
      name: nameOf(hosts.host, port),
      ...hosts,
      port,
      ...(zone === undefined ? {} : { zone }),
      ...(isHinted && forZones !== undefined ? { forZones } : {}),
      ...(terminating ? { terminating } : {}),
    };
  });
}
