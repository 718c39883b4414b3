/**
 * V2 inferences over REST before V2 servers over REST: bodies that pass as they came, and those that have to be read
 * after all.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { startTestGateway, type TestGateway } from '../support/index.ts';

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** A V2 server over REST whose model "m" answers what it is told to. */
class V2Server {
  readonly #server: Server;
  readonly inferred: { path: string; body: Buffer; headers: IncomingHttpHeaders }[] = [];
  extensions: string[] = [];
  name = 'test';
  datatype = 'FP32';
  answer: Answer = { status: 200, body: Buffer.alloc(0), headers: {} };

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { url: path = '', headers } = request;
        const say = (value: object): void => {
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
        };
        if (path.endsWith('/infer')) {
          this.inferred.push({ path, body: Buffer.concat(chunks), headers });
          const { status, body } = this.answer;
          response
            .writeHead(status, { 'content-type': 'application/json', ...this.answer.headers })
            .end(body);
        } else if (path === '/v2') say({ name: this.name, version: '1', extensions: this.extensions });
        else if (path === '/v2/models/m') {
          const tensor = { name: 'x', datatype: this.datatype, shape: [-1] };
          say({ name: 'm', versions: ['1'], platform: '', inputs: [tensor], outputs: [tensor] });
        } else if (path.startsWith('/v2/models/m/')) say({ name: 'm', ready: true });
        else response.writeHead(path === '/v2/health/live' ? 200 : 404).end('{}');
      });
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** As no encoder of ours would write it, with members that no message of gRPC has. */
const oddBody =
  '{ "inputs" : [{"shape":[1], "data": [ 1.50e0 ],"datatype":"FP32","name":"x","own":{"a":[1]}}],\n "parameters":{"list":[1,2],"none":null}, "more": true}';
const oddAnswer =
  '{"model_name":"other","model_version":"v1.2","extra":[{}],"outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[3.0e0]}]}\n';
/** That a message can carry. */
const answer = '{"model_name":"m","outputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[2.5]}]}';
const floats = Buffer.from(new Float32Array([1.5]).buffer);

describe('a V2 inference over REST before a server over REST', () => {
  const server = new V2Server();
  let at: string;
  let url: string;
  let gateway: TestGateway | undefined;
  before(async () => {
    at = await server.start();
    url = `kserve+http://${at}`;
  });
  beforeEach(() => {
    server.inferred.length = 0;
    server.extensions = ['binary_tensor_data'];
    server.name = 'test';
    server.datatype = 'FP32';
    server.answer = { status: 200, body: Buffer.from(answer), headers: {} };
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = undefined;
  });
  after(() => {
    server.stop();
  });

  async function infer(
    body: string | Buffer,
    { path = 'm', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const response = await fetch(`http://${gateway?.rest}/v2/models/${path}/infer`, {
      method: 'POST',
      body: Buffer.from(body),
      headers,
    });
    return {
      status: response.status,
      body: Buffer.from(await response.arrayBuffer()),
      headers: Object.fromEntries(response.headers),
    };
  }

  it('passes byte by byte, and so does the answer', async () => {
    gateway = await startTestGateway([url], { models: { public: { model: 'm' } } });
    server.answer = { status: 200, body: Buffer.from(oddAnswer), headers: { 'x-own': 'a' } };
    const sent: readonly [string | Buffer, { path?: string; headers?: Record<string, string> }][] = [
      [oddBody, {}],
      [oddBody, { path: 'm/versions/v1.2' }],
      [oddBody, { path: 'public' }],
      [gzipSync(oddBody), { headers: { 'content-encoding': 'gzip' } }],
    ];
    for (const [body, how] of sent) {
      const came = await infer(body, how);
      assert.equal(came.body.toString(), oddAnswer);
      assert.equal(came.status, 200);
      assert.equal(came.headers['content-type'], 'application/json');
      assert.equal(came.headers['x-served-by'], at);
      assert.equal(came.headers['x-model-version'], 'v1.2');
    }
    assert.deepEqual(
      server.inferred.map(({ path, body, headers }) => [path, body.toString(), headers['content-type']]),
      [
        ['/v2/models/m/infer', oddBody, 'application/json'],
        ['/v2/models/m/versions/v1.2/infer', oddBody, 'application/json'],
        ['/v2/models/m/infer', oddBody, 'application/json'],
        ['/v2/models/m/infer', oddBody, 'application/json'],
      ],
    );
  });

  it('passes with tensors behind its JSON, and gets such an answer', async () => {
    gateway = await startTestGateway([url]);
    const json =
      '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}], "z":0}';
    const body = Buffer.concat([Buffer.from(json), floats]);
    const head =
      '{"outputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}] }';
    server.answer = {
      status: 200,
      body: Buffer.concat([Buffer.from(head), floats]),
      headers: { 'inference-header-content-length': String(head.length) },
    };
    const length = { 'inference-header-content-length': String(json.length) };
    const came = await infer(body, { headers: length });
    assert.deepEqual(came.body, server.answer.body);
    assert.equal(came.headers['inference-header-content-length'], String(head.length));
    assert.equal(came.headers['content-type'], 'application/octet-stream');
    assert.deepEqual(server.inferred[0]?.body, body);
    assert.equal(server.inferred[0]?.headers['inference-header-content-length'], String(json.length));
  });

  it('has the server’s own error', async () => {
    gateway = await startTestGateway([url]);
    server.answer = { status: 422, body: Buffer.from('{"detail":[{"loc":["x"]}]}'), headers: {} };
    const { status, body } = await infer('{"inputs": 7, "not": valid');
    assert.deepEqual([status, body.toString()], [400, '{\n    "error": "[{\\"loc\\":[\\"x\\"]}]"\n}']);
    assert.equal(server.inferred[0]?.body.toString(), '{"inputs": 7, "not": valid');
  });

  it('does not keep a longer body than the limit', async () => {
    gateway = await startTestGateway([url], { rest: { maxBodyBytes: 1000 } });
    assert.equal((await infer(' '.repeat(1001))).status, 413);
    assert.equal(server.inferred.length, 0);
  });

  const binaryInput = `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}`;
  const plain = '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1.5]}]}';
  const read: readonly {
    readonly what: string;
    readonly set?: () => void;
    readonly config?: () => Record<string, unknown>;
    readonly body: string;
    readonly binary?: boolean;
    readonly sent?: RegExp;
    readonly wants?: string;
  }[] = [
    {
      what: 'tensors behind JSON for a server that has no such extension',
      set: () => (server.extensions = []),
      body: binaryInput,
      binary: true,
    },
    {
      what: 'outputs wanted as bytes of such a server',
      set: () => (server.extensions = []),
      body: plain.replace('{', '{"parameters":{"binary_data_output":true},'),
      wants: floats.toString('latin1'),
    },
    {
      what: 'a list of outputs for OpenVINO Model Server',
      set: () => (server.name = 'OpenVINO Model Server'),
      body: plain.replace('{', '{"outputs":[{"name":"x"},{"name":"x"}],'),
    },
    {
      what: 'a model of 16-bit floats',
      set() {
        server.name = 'triton';
        server.datatype = 'FP16';
      },
      body: plain.replace('FP32', 'FP16'),
      sent: /"binary_data_size":2/,
    },
    {
      what: 'members that are null, for Triton',
      set: () => (server.name = 'triton'),
      body: plain.replace('{', '{"id":null,'),
    },
    { what: 'answers without NaN', config: () => ({ rest: { nonFinite: 'null' } }), body: plain },
    {
      what: 'a model that is mirrored',
      config: () => ({ models: { m: { mirror: { model: 'n', percent: 100 } } } }),
      body: plain,
    },
    {
      what: 'a stateful model',
      config: () => ({ models: { m: { stateful: true } } }),
      body: plain.replace('{', '{"parameters":{"sequence_id":7,"sequence_start":true},'),
    },
    {
      what: 'a fleet that has other servers too',
      config: () => ({ fleets: { more: { backends: [url, 'grpc://127.0.0.1:1'] } }, defaultFleet: 'more' }),
      body: plain,
    },
  ];
  for (const {
    what,
    set,
    config,
    body,
    binary = false,
    sent = /"data":\[\s*1\.5\s*\]|"binary_data_size":4/,
    wants,
  } of read) {
    it(`is read for ${what}`, async () => {
      set?.();
      const own = config?.() ?? {};
      gateway = await startTestGateway('fleets' in own ? [] : [url], own);
      const bytes = Buffer.concat([Buffer.from(`${body} `), binary ? floats : Buffer.alloc(0)]);
      const headers = binary ? { 'inference-header-content-length': String(body.length + 1) } : {};
      const came = await infer(bytes, { headers: headers });
      const text = came.body.toString('latin1');
      assert.equal(came.status, 200, text);
      if (wants === undefined) assert.match(text, /2\.5/);
      else assert.equal(text.slice(-4), Buffer.from(new Float32Array([2.5]).buffer).toString('latin1'));
      const [asked] = server.inferred;
      const json = asked?.body.toString('latin1') ?? '';
      assert.match(json, sent);
      // written anew: the blank at the end is gone
      assert.notEqual(json.slice(0, body.length + 1), `${body} `);
    });
  }
});
