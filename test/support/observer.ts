/** An observer that remembers what it was told. */
import { type CallEnd, type ModelRef, type Observer, silentObserver } from '../../src/call/index.ts';

export interface RecordingObserver extends Observer {
  started: number;
  readonly ends: CallEnd[];
  /** Everything else, in order: "cache m hit", "retried b reason", ... */
  readonly events: string[];
  count(event: string): number;
}

/** "m", or "fleet/m" when that is not the default one. */
const nameOf = ({ fleet, model }: ModelRef): string => (fleet === undefined ? model : `${fleet}/${model}`);

export function recordingObserver(): RecordingObserver {
  const events: string[] = [];
  const ends: CallEnd[] = [];
  return {
    started: 0,
    ends,
    events,
    count: (event) => events.filter((e) => e === event).length,
    callStarted() {
      return ++this.started;
    },
    callEnded: (end) => void ends.push(end),
    httpStarted: (prefix) => void events.push(`http ${prefix}`),
    httpEnded: ({ prefix, status, from }) => void events.push(`http ${prefix} ${status} ${from}`),
    answered: ({ via, status, model }) => void events.push(`answered ${via} ${status} ${model}`),
    configured: () => undefined,
    retried: (backend, reason) => void events.push(`retried ${backend} ${reason}`),
    hedged: (backend, event) => void events.push(`hedged ${backend} ${event}`),
    ejected: (backend, model) => void events.push(`ejected ${backend} ${nameOf(model)}`),
    readmitted: () => undefined,
    meterOf: (backend) => ({
      ...silentObserver.meterOf(backend),
      inFlight: (calls) => void events.push(`inflight ${backend} ${calls}`),
    }),
    backendUp: (backend, up) => void events.push(`up ${backend} ${up}`),
    backendDrained: (backend, drained) => void events.push(`drained ${backend} ${drained}`),
    backendState: (backend, model, version, available) =>
      void events.push(`state ${backend} ${nameOf(model)} ${version} ${available}`),
    modelsGone: (backend, fleet) => void events.push(`models gone ${backend} ${fleet ?? ''}`),
    backendQueue: (backend, waiting) => void events.push(`queue ${backend} ${waiting}`),
    backendGone: (backend) => void events.push(`gone ${backend}`),
    cache: (model, event) => void events.push(`cache ${nameOf(model)} ${event}`),
    mirrored: (model, outcome) => void events.push(`mirrored ${nameOf(model)} ${outcome}`),
    queued: (model, waiting) => void events.push(`queued ${nameOf(model)} ${waiting}`),
    waited: (model, ms) => void events.push(`waited ${nameOf(model)} ${ms}`),
    sharedLimit: (limit, by) => void events.push(`shared ${limit} ${by}`),
    faulted: (where) => void events.push(`faulted ${where}`),
    limited: (limit) => void events.push(`limited ${limit}`),
  };
}
