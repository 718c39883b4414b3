/**
 * Answers of a real Triton's decoupled model in a browser: ModelStreamInfer as a stream of the server's over
 * gRPC-Web, by each library that streams.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Page } from 'playwright-core';
import { Code } from '../../src/base/status.ts';
import {
  decodeModelStreamInferResponse,
  encodeModelInferRequest,
  joined,
  noParameters,
  type V2Parameter,
} from '../../src/codec/index.ts';
import { decoupledModel, type RealServer, startTriton } from '../bridge/servers/triton.ts';
import { missing, startTestGateway, type TestGateway, waitFor } from '../support/index.ts';
import { startBrowser, type TestBrowser } from './chromium.ts';
import { ask, openPage } from './clients/calls.ts';
import type { Outcome } from './clients/page.ts';
import { type Site, startSite } from './clients/site.ts';

const clients = [
  ['grpc-web', 'text'],
  ['connect', 'binary'],
  ['protobuf-ts', 'text'],
  ['protobuf-ts', 'binary'],
  ['improbable', 'fetch'],
  ['improbable', 'xhr'],
  ['own', 'binary'],
] as const;
const path = '/inference.GRPCInferenceService/ModelStreamInfer';

function requestFor(says: object, parameters: ReadonlyMap<string, V2Parameter> = noParameters): string {
  const x = { dtype: 'string', shape: [1], values: [[Buffer.from(JSON.stringify(says))]] } as const;
  const request = encodeModelInferRequest({
    ...{ model: decoupledModel, version: '', id: '7', parameters, outputs: [] },
    ...{ inputs: new Map([['x', x]]), inputParameters: new Map() },
  });
  return Buffer.from(joined(request)).toString('base64');
}

/** What an answer says; its error, or whether it is the last where it has no outputs. */
function wordOf(message: string): string {
  const { error, reply } = decodeModelStreamInferResponse([Buffer.from(message, 'base64')]);
  const x = reply.outputs.get('x');
  assert.equal(reply.id, '7');
  if (x?.dtype === 'string') return Buffer.from(joined(x.values[0] ?? [])).toString();
  return error === '' ? `last: ${String(reply.parameters.get('triton_final_response'))}` : `error: ${error}`;
}

describe('decoupled models in a browser', { skip: missing('chromium') ?? missing('tritonserver') }, () => {
  let triton: Required<RealServer>;
  let gateway: TestGateway;
  let site: Site;
  let browser: TestBrowser;
  let folder: string;
  /** What each page has seen so far. */
  const pages = new Map<string, { page: Page; seen: string[] }>();
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'decoupled-'));
    const names = [...new Set(clients.map(([name]) => name))];
    [triton, site, browser] = await Promise.all([
      startTriton([], { withDecoupled: true }),
      startSite(names),
      startBrowser(),
    ]);
    gateway = await startTestGateway([`kserve://${triton.grpc}`]);
    for (const [name, mode] of clients) {
      const page = await openPage(browser, site, name);
      const seen: string[] = [];
      await page.exposeFunction('seen', (message: string) => void seen.push(wordOf(message)));
      pages.set(`${name} ${mode}`, { page, seen });
    }
  });
  after(async () => {
    await browser.close();
    await site.close();
    await gateway.stop();
    await triton.stop();
    rmSync(folder, { recursive: true });
  });

  let gates = 0;
  function newGate(): string {
    const gate = join(folder, String(gates++));
    mkdirSync(gate);
    return gate;
  }
  const open = (gate: string, name: string): void => {
    writeFileSync(join(gate, name), '');
  };
  const marks = (gate: string): string => readFileSync(join(gate, 'mark'), 'utf8');
  function begin(
    [name, mode]: (typeof clients)[number],
    says: object,
    more: { parameters?: ReadonlyMap<string, V2Parameter>; cancelAfterMessages?: number } = {},
  ): { outcome: Promise<Outcome>; seen: string[] } {
    const { page, seen } = pages.get(`${name} ${mode}`) as { page: Page; seen: string[] };
    seen.length = 0;
    const { parameters, ...rest } = more;
    const request = requestFor(says, parameters);
    const url = `http://${gateway.rest}`;
    return { outcome: ask(page, mode, { url, path, request, streaming: true, ...rest }), seen };
  }

  for (const client of clients)
    describe(client.join(', '), () => {
      it('sees each answer before the next is made, errors among them, and the last', async () => {
        const gate = newGate();
        open(gate, '0');
        const { outcome, seen } = begin(
          client,
          { say: ['one', 'two', 'x'], error: 'no such word', gate, mark: join(gate, 'mark') },
          { parameters: new Map([['triton_enable_empty_final_response', true]]) },
        );
        await waitFor(() => seen.join() === 'one', 8000, 'the first answer');
        assert.equal(marks(gate), 'one\n');
        open(gate, '1');
        await waitFor(() => seen.join() === 'one,two', 8000, 'the second answer');
        assert.equal(marks(gate), 'one\ntwo\n');
        open(gate, '2');
        await waitFor(() => seen.at(-1) === 'error: no such word', 8000, 'the error');
        open(gate, 'end');
        const { code, message, messages } = await outcome;
        assert.equal(code, Code.OK, message);
        assert.deepEqual(messages.map(wordOf), ['one', 'two', 'error: no such word', 'last: true']);
      });

      it('cancels the model with the call', async () => {
        const gate = newGate();
        open(gate, '0');
        const says = { say: ['one', 'two'], gate, mark: join(gate, 'mark') };
        const { outcome } = begin(client, says, { cancelAfterMessages: 1 });
        assert.deepEqual((await outcome).messages.map(wordOf), ['one']);
        await waitFor(() => marks(gate) === 'one\ncancelled\n', 8000, 'the end at the model');
      });
    });

  it('end with UNAVAILABLE in every library when their server dies', async () => {
    const gate = newGate();
    open(gate, '0');
    const running = clients.map((client) => begin(client, { say: ['one', 'two'], gate }));
    for (const { seen } of running) await waitFor(() => seen.join() === 'one', 8000, 'the first answer');
    triton.kill();
    for (const [i, { outcome }] of running.entries()) {
      const { code, messages } = await outcome;
      assert.equal(code, Code.UNAVAILABLE, clients[i]?.join());
      assert.deepEqual(messages.map(wordOf), ['one']);
    }
  });
});
