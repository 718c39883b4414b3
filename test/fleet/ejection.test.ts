/**
 * Who is ejected for what backends say themselves. A client with nothing but bad requests ejects nobody, whatever
 * status or reset they are answered with; a backend that fails what others do well is ejected.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Code, codeName } from '../../src/base/status.ts';
import {
  fieldOf,
  frame,
  framed,
  h2,
  headers,
  predictFields,
  predictMessage,
  predictReply,
  rawAnswer,
  type RawBackend,
  type RawCall,
  RawClient,
  rst,
  startRawBackend,
  startTestGateway,
  type TestGateway,
  waitFor,
  windowUpdate,
} from '../support/index.ts';

const end = h2.END_HEADERS | h2.END_STREAM;
const good = framed(predictMessage());
const bad = framed(predictMessage('half_plus_two', 100));

interface Shown {
  readonly up: boolean;
  readonly name: string;
  readonly models: readonly { readonly ejected?: { readonly reason: string }; readonly weight: number }[];
}

async function shown(gateway: TestGateway): Promise<Shown[]> {
  const page = (await (await fetch(`http://${gateway.admin}/api/fleet`)).json()) as {
    fleets: { backends: Shown[] }[];
  };
  return page.fleets.flatMap(({ backends }) => backends);
}

async function nobodyIsOut(gateway: TestGateway): Promise<void> {
  for (const { up, models } of await shown(gateway)) {
    assert.equal(up, true);
    for (const { ejected, weight } of models) {
      assert.equal(ejected, undefined, ejected?.reason);
      // nor does it get less
      assert.equal(weight, 1);
    }
  }
}

/** Backends that give each call to one of these, and to each its number. */
async function start(
  t: TestContext,
  answers: readonly ((call: RawCall) => void)[],
  config: Record<string, unknown> = {},
): Promise<{ backends: RawBackend[]; gateway: TestGateway; ask: (request: Buffer) => Promise<string> }> {
  const backends = await Promise.all(answers.map((onCall) => startRawBackend({ onCall })));
  t.after(() => {
    for (const backend of backends) backend.close();
  });
  const gateway = await startTestGateway(
    backends.map(({ url }) => url),
    // a busy machine hedges, and that is another matter
    { hedge: { enabled: false }, ...config },
  );
  const client = await RawClient.open(gateway.grpc);
  // thousands of answers may come before an ejection
  client.send(windowUpdate(0, 2 ** 30));
  t.after(async () => {
    client.destroy();
    await gateway.stop();
  });
  let id = -1;
  const ask = async (request: Buffer): Promise<string> => {
    id += 2;
    client.send(headers(id, predictFields()), frame(h2.DATA, h2.END_STREAM, id, request));
    return fieldOf(await client.untilEnd(id, 20_000), 'grpc-status') ?? 'no status';
  };
  return { backends, gateway, ask };
}

const well = (c: RawCall): void => c.send(rawAnswer(c.id, predictReply));
const refusal =
  (code: number) =>
  (c: RawCall): void =>
    c.send(
      headers(
        c.id,
        [
          ':status',
          '200',
          'content-type',
          'application/grpc',
          'grpc-status',
          String(code),
          'grpc-message',
          'no',
        ],
        end,
      ),
    );
/** Well for good requests, and this for bad ones. */
const toBad =
  (answer: (call: RawCall) => void) =>
  (c: RawCall): void =>
    (c.bytes > 200 ? answer : well)(c);

async function times(count: number, what: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await what();
}

describe('a client with nothing but bad requests ejects nobody', () => {
  for (let code = 1; code <= 17; code++) {
    const name = code === 17 ? "17, which is nobody's" : codeName(code);
    it(`when they are answered with ${name}`, async (t) => {
      const backend = toBad(refusal(code));
      const { ask, gateway } = await start(t, [backend, backend]);
      await times(2, async () => {
        const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(bad)));
        assert.deepEqual(new Set(statuses), new Set([String(code)]));
      });
      await nobodyIsOut(gateway);
      // nor beside a client with good ones
      await times(5, async () => {
        const [status] = await Promise.all([ask(good), ask(bad), ask(bad), ask(bad), ask(bad)]);
        assert.equal(status, '0');
      });
      await nobodyIsOut(gateway);
    });
  }

  for (let code = 0; code <= 13; code++) {
    it(`when their streams are reset with HTTP/2 error ${code}`, async (t) => {
      const backend = toBad((c) => c.send(rst(c.id, code)));
      const { ask, gateway } = await start(t, [backend, backend]);
      await times(2, async () => {
        const statuses = await Promise.all(Array.from({ length: 12 }, () => ask(bad)));
        assert.ok(
          statuses.every((status) => status !== '0'),
          statuses.join(),
        );
      });
      await nobodyIsOut(gateway);
    });
  }

  for (const status of [400, 404, 408, 413, 418, 429, 500, 501, 502, 503, 504]) {
    it(`when they are answered with HTTP status ${status} and no gRPC`, async (t) => {
      const backend = toBad((c) => c.send(headers(c.id, [':status', String(status)], end)));
      const { ask, gateway } = await start(t, [backend, backend]);
      await times(2, async () => {
        const statuses = await Promise.all(Array.from({ length: 12 }, () => ask(bad)));
        assert.ok(
          statuses.every((status) => status !== '0'),
          statuses.join(),
        );
      });
      await nobodyIsOut(gateway);
    });
  }

  it('when all of them go to one backend (ring-hash) as ring-hash has it', async (t) => {
    const backend = toBad(refusal(Code.INTERNAL));
    const { ask, gateway } = await start(t, [backend, backend], {
      fleets: { default: { balance: { policy: 'ring-hash' } } },
    });
    await times(3, () => Promise.all(Array.from({ length: 20 }, () => ask(bad))));
    await nobodyIsOut(gateway);
  });

  it('and costs the others little', async (t) => {
    const backend = toBad(refusal(Code.INTERNAL));
    const { ask, backends } = await start(t, [backend, backend]);
    await times(15, () => Promise.all(Array.from({ length: 20 }, () => ask(bad))));
    const calls = backends.reduce((sum, { calls: { length } }) => sum + length, 0);
    // ten for each backend, and two a second
    assert.ok(calls < 300 + 20 + 20, `${calls} calls`);
  });
});

describe('a client with nothing but bad requests ejects no REST server', () => {
  for (const [api, statusPath] of [
    ['tfs+http', '/v1/models/half_plus_two'],
    ['kserve+http', '/v2/models/half_plus_two'],
  ] as const) {
    for (const status of [400, 404, 408, 413, 422, 429, 500, 501, 502, 503, 504, 0]) {
      it(`${api} ${status === 0 ? 'that cuts the connection' : `that answers ${status}`}`, async (t) => {
        const serve = (request: IncomingMessage, response: ServerResponse): void => {
          const { url = '' } = request;
          request.resume();
          const json = (value: unknown): void => {
            response.setHeader('content-type', 'application/json');
            response.end(JSON.stringify(value));
          };
          if (request.method === 'POST') {
            if (status === 0) request.socket.destroy();
            else response.writeHead(status).end('{"error": "no"}');
          } else if (
            url === `${statusPath}/metadata` ||
            (api === 'kserve+http' && url.startsWith(statusPath) && !url.endsWith('/ready'))
          )
            json(
              api === 'tfs+http'
                ? {
                    model_spec: { name: 'half_plus_two', signature_name: '', version: '1' },
                    metadata: {
                      signature_def: {
                        signature_def: {
                          serving_default: {
                            inputs: {
                              x: {
                                dtype: 'DT_FLOAT',
                                tensor_shape: { dim: [{ size: '-1' }], unknown_rank: false },
                                name: 'x:0',
                              },
                            },
                            outputs: {
                              y: {
                                dtype: 'DT_FLOAT',
                                tensor_shape: { dim: [{ size: '-1' }], unknown_rank: false },
                                name: 'y:0',
                              },
                            },
                            method_name: 'tensorflow/serving/predict',
                          },
                        },
                      },
                    },
                  }
                : {
                    name: 'half_plus_two',
                    versions: ['1'],
                    platform: 'x',
                    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1] }],
                    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
                  },
            );
          else if (url.startsWith('/v1/models/'))
            json({
              model_version_status: [
                { version: '1', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } },
              ],
            });
          else json({});
        };
        const servers = await Promise.all(
          [0, 1].map(async () => {
            const server = createServer(serve).listen(0, '127.0.0.1');
            await once(server, 'listening');
            t.after(() => {
              server.close();
              server.closeAllConnections();
            });
            return `${api}://127.0.0.1:${(server.address() as AddressInfo).port}`;
          }),
        );
        const gateway = await startTestGateway(servers);
        t.after(() => gateway.stop());
        const seen = new Set<number>();
        await times(14, async () => {
          const answer = await fetch(`http://${gateway.rest}/v1/models/half_plus_two:predict`, {
            method: 'POST',
            body: '{"inputs": [1]}',
          });
          seen.add(answer.status);
          await answer.text();
        });
        assert.ok(
          [...seen].every((each) => each >= 400),
          [...seen].join(),
        );
        await nobodyIsOut(gateway);
      });
    }
  }
});

/** Asks, many at a time, until a backend is ejected. */
async function untilEjected(
  gateway: TestGateway,
  ask: () => Promise<string>,
): Promise<{ out: Shown; statuses: string[] }> {
  const statuses: string[] = [];
  const out = await waitFor(
    async () => {
      // one at a time would go to those that fare better, and there would be nothing to eject for
      statuses.push(...(await Promise.all(Array.from({ length: 16 }, ask))));
      return (await shown(gateway)).find(({ models }) => models.some(({ ejected }) => ejected !== undefined));
    },
    // where the first calls came apart it has failed at four: its weight is a thirtieth then, and is so much again
    // for a fifth after 17 s
    60_000,
    'the ejection',
  );
  return { out, statuses };
}

describe('a backend that fails what others do well', () => {
  for (const code of [Code.UNKNOWN, Code.INTERNAL, Code.UNAVAILABLE, Code.DATA_LOSS]) {
    it(`with ${codeName(code)} is ejected, and few calls are lost`, async (t) => {
      const { ask, gateway, backends } = await start(t, [refusal(code), well, well]);
      const { out, statuses } = await untilEjected(gateway, () => ask(good));
      assert.ok(backends[0]?.url.endsWith(out.name), out.name);
      // five raise the doubt where there is no retry; what fails from then on is asked elsewhere, and answered
      const lost = statuses.filter((status) => status !== '0').length;
      assert.ok(lost <= (code === Code.UNAVAILABLE ? 0 : 5), `${lost} lost`);
    });
  }

  it('with UNAVAILABLE is ejected without retries, too', async (t) => {
    const { ask, gateway } = await start(t, [refusal(Code.UNAVAILABLE), well], {
      retry: { maxAttempts: 1, maxUnstarted: 1 },
    });
    const { statuses } = await untilEjected(gateway, () => ask(good));
    assert.ok(statuses.filter((status) => status !== '0').length <= 5);
  });

  it('is ejected while a client with bad requests fails everywhere', async (t) => {
    const { ask, gateway, backends } = await start(t, [
      refusal(Code.INTERNAL),
      toBad(refusal(Code.INTERNAL)),
      toBad(refusal(Code.INTERNAL)),
    ]);
    const { out } = await untilEjected(gateway, () =>
      Promise.all([ask(bad), ask(good)]).then(([, code]) => code),
    );
    assert.ok(backends[0]?.url.endsWith(out.name), out.name);
  });

  it('by resets is ejected as a whole, and no call is lost', async (t) => {
    const { ask, gateway, backends } = await start(t, [(c) => c.send(rst(c.id, 2)), well, well]);
    const { out, statuses } = await untilEjected(gateway, () => ask(good));
    assert.ok(backends[0]?.url.endsWith(out.name), out.name);
    assert.deepEqual(new Set(statuses), new Set(['0']));
  });
});
