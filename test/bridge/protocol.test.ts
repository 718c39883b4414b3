/**
 * Every cell of the protocol table (docs/v2-protocol.md) before a real Triton: the answer is the server's own, the
 * gateway's, or a refusal that says why.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { type Grpc, grpcOf, type Rest, restOf, type Said } from './protocol/asks.ts';
import { protocol } from './protocol/index.ts';
import { type Cell, type Row, ways } from './protocol/rows.ts';
import { protocolModels } from './protocol/models.ts';
import { type RealServer, startTriton } from './servers/triton.ts';

const schemes = { rest: 'kserve+http', grpc: 'kserve' } as const;

interface Door {
  readonly rest: Rest;
  readonly grpc: Grpc & { close(): void };
}

describe('each member of the protocol', { skip: missing('tritonserver') }, () => {
  let triton: RealServer;
  const gateways: TestGateway[] = [];
  /** By the transport behind them; the server's own beside them. */
  const doors = new Map<string, Door>();
  before(async () => {
    triton = await startTriton(protocolModels, { withDecoupled: true, explicit: true });
    doors.set('own', { rest: restOf(triton.http), grpc: grpcOf(triton.grpc) });
    for (const transport of ['rest', 'grpc'] as const)
      for (const allowed of [false, true]) {
        const url = `${schemes[transport]}://${transport === 'rest' ? triton.http : triton.grpc}`;
        const gateway = await startTestGateway([url], { grpc: { allowAdmin: allowed } });
        gateways.push(gateway);
        await waitFor(async () => (await fetch(`http://${gateway.rest}/v2/models/identity_float/ready`)).ok);
        doors.set(`${transport}${allowed ? ' allowed' : ''}`, {
          rest: restOf(gateway.rest),
          grpc: grpcOf(gateway.grpc),
        });
      }
  });
  after(async () => {
    for (const { grpc } of doors.values()) grpc.close();
    for (const gateway of gateways) await gateway.stop();
    await triton.stop();
  });

  const ask = async (row: Row, protocolOf: 'rest' | 'grpc', at: string): Promise<Said> => {
    const door = doors.get(at);
    assert.ok(door !== undefined);
    const said = await (protocolOf === 'rest' ? row.rest?.(door.rest) : row.grpc?.(door.grpc));
    return row.lasting?.(said) ?? said;
  };

  /** Of several questions, the last one. */
  function isRefused(said: Said, { status, words }: Extract<Cell, { kind: 'refused' }>): void {
    const { error, words: text } = (Array.isArray(said) ? (said as unknown[]).at(-1) : said) as {
      error?: number | string;
      words?: string;
    };
    assert.equal(error, status, JSON.stringify(said));
    assert.match(text ?? '', words);
  }

  for (const { title, rows } of protocol)
    describe(title, () => {
      for (const row of rows)
        for (const way of ways) {
          const cell = row.cells[way];
          const [door, transport] = way.split('-') as ['rest' | 'grpc', 'rest' | 'grpc'];
          assert.equal(cell.kind === 'none', row[door] === undefined, `${row.member}, ${way}`);
          if (cell.kind !== 'none')
            it(`${way}: ${row.member}`, async () => {
              const said = await ask(row, door, row.permission === true ? `${transport} allowed` : transport);
              if (cell.kind === 'own') assert.ok(cell.is(said), JSON.stringify(said));
              else if (cell.kind === 'refused') isRefused(said, cell);
              else {
                const own = await ask(row, door, 'own');
                assert.deepEqual(said, own);
                assert.equal(/"error":/.test(JSON.stringify(own)), row.fails === true, JSON.stringify(own));
              }
            });
          if (cell.kind !== 'none' && row.permission === true)
            it(`${way}: ${row.member}, without permission`, async () => {
              const said = JSON.stringify(await ask(row, door, transport));
              assert.match(said, door === 'rest' ? /"error":403/ : /"error":"PERMISSION_DENIED"/);
            });
        }
    });
});
