/** What tests of two fleets with one model ask of a gateway and its servers. */
import type { DemoServer } from '../../src/demo/index.ts';
import type { TestGateway } from '../support/index.ts';

/** The model that both have. */
export const name = 'half_plus_two';

export const metricsOf = async ({ admin }: TestGateway): Promise<string> =>
  (await fetch(`http://${admin}/metrics`)).text();

/** The sum of the series that match. */
export async function counted(gateway: TestGateway, ...patterns: readonly RegExp[]): Promise<number> {
  const lines = (await metricsOf(gateway))
    .split('\n')
    .filter((line) => !line.startsWith('#') && patterns.every((pattern) => pattern.test(line)));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** Predict calls that have reached a server. */
export const predictCalls = (server: DemoServer): number =>
  server.record.counts().get(`Predict ${name}`) ?? 0;
