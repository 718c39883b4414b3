/**
 * A fleet in simulated time: calls arrive at random, backends work them off one core at a time, a picker sends them.
 */
import { type Candidate, pickerOf, type Policy } from '../../src/fleet/balance/picker.ts';
import { Replica } from '../../src/fleet/balance/replica.ts';

export interface Server {
  readonly name: string;
  /** Work units a millisecond. */
  readonly speed: number;
  readonly weight?: number;
  /** It fails every call after so many ms, whatever its work. */
  readonly failsAfterMs?: number;
}

export interface Scenario {
  readonly name: string;
  readonly says: string;
  readonly servers: readonly Server[];
  /** Calls a second, and what one costs: a draw of work units. */
  readonly perSecond: number;
  work(random: () => number): number;
}

export interface Result {
  /** Share of all calls that each server got, in the order of the servers. */
  readonly shares: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

interface Job {
  readonly arrivedMs: number;
  readonly work: number;
}

/** A server with one worker and a queue; what balancing sees of it is a real Replica. */
class SimServer {
  readonly host: { name: string; zone: string; weight: number; outstanding: number; capacity: number };
  readonly replica: Replica;
  readonly server: Server;
  readonly queue: Job[] = [];
  freeAtMs = 0;
  calls = 0;

  constructor(server: Server) {
    this.server = server;
    this.host = { name: server.name, zone: '', weight: server.weight ?? 1, outstanding: 0, capacity: 1 };
    this.replica = new Replica(this.host, 'm', () => 0);
  }
}

interface Event {
  readonly atMs: number;
  run(): void;
}

/** Events in the order of their time (a binary heap). */
class Agenda {
  readonly #heap: Event[] = [];

  add(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((heap[parent] as Event).atMs <= event.atMs) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  next(): Event | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Event).atMs < (heap[child] as Event).atMs) child++;
      if ((heap[child] as Event).atMs >= last.atMs) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

export interface SimulationOptions {
  readonly calls: number;
  readonly random: () => number;
  /** Balancing sees the work that is outstanding, as if the size of a request told it; else the number of calls. */
  readonly byWork?: boolean;
}

/** Runs a scenario under a policy; the policy is made for the servers' names. */
export function simulate(
  scenario: Scenario,
  policyFor: (names: readonly string[]) => Policy,
  { calls, random, byWork = false }: SimulationOptions,
): Result {
  const servers = scenario.servers.map((server) => new SimServer(server));
  const byName = new Map(servers.map((each) => [each.host.name, each]));
  const candidates: readonly Candidate[] = servers.map(({ replica }) => replica);
  const picker = pickerOf(policyFor(candidates.map(({ name }) => name)), candidates);
  const agenda = new Agenda();
  const tookMs: number[] = [];
  let failed = 0;

  function finish(server: SimServer, job: Job, nowMs: number, isFailed: boolean): void {
    server.host.outstanding -= byWork ? job.work : 1;
    server.replica.ended(isFailed, nowMs - job.arrivedMs, nowMs);
    if (isFailed) failed++;
    else tookMs.push(nowMs - job.arrivedMs);
  }

  function send(job: Job): void {
    const { name } = picker.pick({ random, hash: Math.floor(random() * 2 ** 32) }) as Candidate;
    const server = byName.get(name) as SimServer;
    server.calls++;
    server.host.outstanding += byWork ? job.work : 1;
    const { failsAfterMs, speed } = server.server;
    const startMs = failsAfterMs === undefined ? Math.max(job.arrivedMs, server.freeAtMs) : job.arrivedMs;
    const endMs = startMs + (failsAfterMs ?? job.work / speed);
    if (failsAfterMs === undefined) server.freeAtMs = endMs;
    agenda.add({ atMs: endMs, run: () => finish(server, job, endMs, failsAfterMs !== undefined) });
  }

  let nowMs = 0;
  for (let i = 0; i < calls; i++) {
    // a Poisson process
    nowMs += (-Math.log(1 - random()) * 1000) / scenario.perSecond;
    const job = { arrivedMs: nowMs, work: scenario.work(random) };
    agenda.add({ atMs: nowMs, run: () => send(job) });
  }
  for (let at = 0; at < nowMs; at += 250)
    agenda.add({ atMs: at, run: () => servers.forEach(({ replica }) => replica.refresh(at)) });
  for (let event = agenda.next(); event !== undefined; event = agenda.next()) event.run();

  tookMs.sort((a, b) => a - b);
  const quantile = (share: number): number => tookMs[Math.floor(tookMs.length * share)] ?? Number.NaN;
  return {
    shares: servers.map((server) => server.calls / calls),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    failed: failed / calls,
  };
}
