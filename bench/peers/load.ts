/** Requests by h2load, and what it says about them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../test/support/index.ts';
import { checkAnswers, durationsUs } from './answers.ts';
import type { Body } from './fixtures.ts';

export interface Send {
  readonly body: Body;
  readonly path: string;
  readonly type: string;
  /** Fields besides content-type: "name: value". */
  readonly fields?: readonly string[];
}

export interface Load {
  readonly url: string;
  readonly send: Send;
  /** The folder of the bodies. */
  readonly folder: string;
  readonly requests: number;
  readonly clients: number;
  /** At once on each connection; always 1 with HTTP/1.1. */
  readonly streams: number;
  readonly http1: boolean;
  /** Requests a second at a fixed rate, all clients together; absent: as fast as they are answered. */
  readonly perSecond?: number;
  /** Every answer has at least so many bytes of body: an error of gRPC has none. */
  readonly minBytes: number;
}

function argumentsOf(load: Load): string[] {
  const { type, fields = [], body } = load.send;
  return [
    ...['-n', String(load.requests), '-c', String(load.clients), '-m', String(load.streams), '-t', '1'],
    ...['-d', join(load.folder, body), '-H', `content-type: ${type}`],
    ...fields.flatMap((field) => ['-H', field]),
    ...(load.http1 ? ['--h1'] : ['-w', '24', '-W', '26']),
    ...(load.perSecond === undefined ? [] : ['--rps', String(load.perSecond / load.clients)]),
  ];
}

/** @throws Error when not every request was answered as asked */
export async function send(load: Load): Promise<void> {
  const { stdout, stderr } = await run('h2load', [...argumentsOf(load), load.url], { timeoutMs: 300_000 });
  try {
    checkAnswers(stdout, load.requests, load.minBytes);
  } catch (error) {
    throw new Error(`h2load ${load.url}: ${(error as Error).message}. ${stderr}`, { cause: error });
  }
}

/** The same at a fixed rate: µs of each request. */
export async function sendTimed(load: Load): Promise<number[]> {
  const log = join(load.folder, 'h2load.log');
  const args = [...argumentsOf(load), '--log-file', log, load.url];
  const { stdout } = await run('h2load', args, { timeoutMs: 300_000 });
  checkAnswers(stdout, load.requests, load.minBytes);
  return durationsUs(readFileSync(log, 'utf8'));
}
