/**
 * Well-behaved clients beside the attackers, of gRPC, REST and gRPC-Web, on connections of their own: every call must
 * succeed.
 */
import http from 'node:http';
import { framed, predictMessage, predictPath, sleep, type Victim } from '../support/index.ts';
import { judgeWebBody } from './web-answers.ts';

export interface BystanderReport {
  readonly calls: number;
  readonly failures: readonly string[];
  readonly worstMs: number;
}

const webType = 'application/grpc-web+proto';

function webCall(address: string, agent: http.Agent, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const [host = '', port] = address.split(':');
    const headers = { 'content-type': webType, 'x-grpc-web': '1' };
    const options = { host, port, path: predictPath, method: 'POST', agent, headers, timeout: 5000 };
    const request = http.request(options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const answer = Buffer.concat(parts);
        const wrong = judgeWebBody(webType, answer);
        if (wrong === undefined && /grpc-status: ?0\r/.test(answer.toString('latin1'))) resolve();
        else
          reject(new Error(`gRPC-Web: HTTP ${response.statusCode}, ${wrong ?? answer.toString('latin1')}`));
      });
    });
    request.on('error', reject).on('timeout', () => request.destroy(new Error('no answer in 5 s')));
    request.end(body);
  });
}

export interface Bystanders {
  /** May be called again: the report stays the same. */
  stop(): Promise<BystanderReport>;
}

/** Calls until stopped. */
export async function startBystanders(gateway: Victim): Promise<Bystanders> {
  const others = await gateway.bystander();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const body = framed(predictMessage());
  const failures: string[] = [];
  let calls = 0;
  let worstMs = 0;
  let running = true;
  let stopped: Promise<BystanderReport> | undefined;
  const loop = (async () => {
    while (running) {
      const start = performance.now();
      await webCall(gateway.rest, agent, body).catch((error: unknown) => failures.push(String(error)));
      worstMs = Math.max(worstMs, performance.now() - start);
      calls++;
      await sleep(5);
    }
  })();
  async function end(): Promise<BystanderReport> {
    running = false;
    const [report] = await Promise.all([others.stop(), loop]);
    agent.destroy();
    return {
      calls: calls + report.calls,
      failures: [...failures, ...report.failures],
      worstMs: Math.max(worstMs, report.worstMs),
    };
  }
  return { stop: () => (stopped ??= end()) };
}
