/** That nothing is held once all attackers have left: calls, places, bytes, connections, handles. */
import { readFileSync } from 'node:fs';
import { type Victim, waitFor } from '../support/index.ts';
import { type Handles, handlesOf } from './handles.ts';

/** Gauges that are 0 when nobody is there. */
const gauges =
  /^(tensorgate_(?:backend_in_flight|backend_queue|queued_requests|memory_held_bytes|proxy_in_flight)(?:\{[^}]*\})?) (-?[\d.e+]+)$/gm;
/** Connections to backends and to Redis, made for the load, may stay; timers with them. */
const moreSockets = 24;
const moreTimers = 40;
const moreHeapMiB = 40;
const settleMs = 20_000;

/** Gauges that are not 0. */
export function heldIn(metrics: string): string[] {
  const held: string[] = [];
  for (const [, name = '', value] of metrics.matchAll(gauges)) {
    // the health probe of a backend that is down waits there for the next attempt to connect
    const probes = name.startsWith('tensorgate_backend_queue') ? 1 : 0;
    if (Number(value) < 0 || Number(value) > probes) held.push(`${name} ${value}`);
  }
  return held;
}

/** Faults that the gateway's guard has caught; each is a bug at its source. */
export function faultsIn(metrics: string): string[] {
  const found: string[] = [];
  for (const [, where, value] of metrics.matchAll(/^tensorgate_faults_total\{([^}]*)\} (\d+)$/gm))
    if (Number(value) > 0) found.push(`tensorgate_faults_total{${where}} ${value}`);
  return found;
}

/** Sockets at the gateway's doors that are neither listening nor in TIME_WAIT, as the kernel has them. */
function doorSockets({ rest, grpc }: Victim): number {
  const ports = [rest, grpc].map((address) => Number(address.split(':')[1]));
  let count = 0;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, local = '', , state = ''] = line.trim().split(/\s+/);
    const port = parseInt(local.split(':')[1] ?? '', 16);
    // 01 ESTABLISHED, 08 CLOSE_WAIT: what a process can still hold
    if (ports.includes(port) && (state === '01' || state === '08')) count++;
  }
  return count;
}

/** @returns what is still held after a while, a line each */
export async function stillHeld(gateway: Victim, before: Handles): Promise<string[]> {
  let held: string[] = [];
  await waitFor(
    async () => {
      held = heldIn(await gateway.metrics());
      const sockets = doorSockets(gateway);
      if (sockets > 0) held.push(`${sockets} sockets at the doors`);
      return held.length === 0;
    },
    settleMs,
    'nothing held',
  ).catch(() => undefined);
  const handles = await handlesOf(gateway);
  for (const [kind, count] of Object.entries(handles.kinds)) {
    const most = (before.kinds[kind] ?? 0) + (kind === 'Timeout' ? moreTimers : moreSockets);
    if (count > most) held.push(`${count} handles of kind ${kind}, there were ${before.kinds[kind] ?? 0}`);
  }
  if (handles.heapMiB > before.heapMiB + moreHeapMiB)
    held.push(`a heap of ${handles.heapMiB} MiB after a collection, it was ${before.heapMiB} MiB`);
  return held;
}
