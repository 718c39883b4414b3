/** Which headers go along with a call over REST and to REST servers, and which of an answer's come back. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { getMetadata } from '../../src/call/index.ts';
import {
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
  modelState,
} from '../../src/codec/index.ts';
import { framed, predictMessage, startTestGateway, type TestGateway } from '../support/index.ts';
import { inferMessage, modelAnswers } from '../support/model-answers.ts';
import { predictReply } from '../support/raw-backend.ts';
import { connectWire, grpcFields, startWireServer, type WireServer } from '../support/wire.ts';

const sent = {
  b3: '80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1',
  'seldon-model': 'm1',
  'triton-grpc-protocol-infer-key': 'k',
  'x-tenant': 't',
  'team-name': 'blue',
  'user-agent': 'nobody',
  'x-forwarded-for': '203.0.113.9',
};
const answered = { 'x-cost': '3', 'model-cost': '4', 'other-cost': '5', 'x-served-by': 'evil' };
/** Of an answer's end, load reports (gRFC A51) among them. */
const ended = { 'x-took': '7', 'endpoint-load-metrics-bin': 'CQAAAAAAAOA/' };
const config = {
  rest: { forwardHeaders: ['seldon-model', 'triton-*'], returnHeaders: ['model-*'] },
  // what a rule goes by must arrive
  models: { half_plus_two: { rules: [{ header: 'team-name', value: 'red', version: 1 }] } },
};
const status = encodeGetModelStatusResponse([
  { version: 1n, state: modelState.AVAILABLE, errorCode: 0, errorMessage: '' },
]);
const info = { dtype: 'float', dtypeNumber: 1, shape: [-1], tensorName: 'x:0' } as const;
const signature = {
  name: 'serving_default',
  methodName: '',
  inputs: new Map([['x', info]]),
  outputs: new Map([['y', info]]),
};
const metadata = encodeGetModelMetadataResponse({
  model: 'half_plus_two',
  version: 1n,
  signatures: new Map([['serving_default', signature]]),
});

describe('headers of calls', () => {
  let grpc: WireServer;
  let http: Server;
  let asked: IncomingHttpHeaders = {};
  const gateways = new Map<string, TestGateway>();
  before(async () => {
    grpc = await startWireServer((stream, fields) => ({
      onEnd() {
        const path = getMetadata(fields, ':path') ?? '';
        const known = path.endsWith('GetModelStatus')
          ? status
          : path.endsWith('Metadata')
            ? metadata
            : predictReply;
        if (known === predictReply) asked = Object.fromEntries(pairs(fields));
        stream.respond([
          ':status',
          '200',
          'content-type',
          'application/grpc',
          ...Object.entries(answered).flat(),
        ]);
        stream.write(framed(known));
        stream.end(['grpc-status', '0', ...Object.entries(ended).flat()]);
      },
    }));
    http = createServer((request, response) => {
      request.resume().on('end', () => {
        const path = request.url ?? '';
        const inference = /(:predict|\/infer)$/.test(path);
        if (inference) asked = request.headers;
        const outputs = [{ name: 'y', datatype: 'FP32', shape: [1], data: [2.5] }];
        const body = inference
          ? path.startsWith('/v2')
            ? { model_name: 'half_plus_two', model_version: '1', outputs }
            : { outputs: [2.5] }
          : (modelAnswers[path.replace('/versions/1', '')] ?? {});
        response
          .writeHead(200, { 'content-type': 'application/json', ...answered })
          .end(JSON.stringify(body));
      });
    }).listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    for (const url of [
      grpc.url.replace('grpc:', 'tfs:'),
      `tfs+http://127.0.0.1:${port}`,
      `kserve+http://127.0.0.1:${port}`,
    ])
      gateways.set(url.split(':')[0] ?? '', await startTestGateway([url], config));
  });
  after(async () => {
    grpc.close();
    for (const gateway of gateways.values()) await gateway.stop();
    http.closeAllConnections();
    http.close();
  });

  const v1 = ['/v1/models/half_plus_two:predict', '{"inputs":[1]}'] as const;
  const v2 = [
    '/v2/models/half_plus_two/infer',
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}',
  ] as const;
  for (const backend of ['tfs', 'tfs+http', 'kserve+http'])
    for (const [path, body] of [v1, v2])
      it(`arrive from REST at ${backend} and come back: ${path}`, async () => {
        asked = {};
        const url = `http://${gateways.get(backend)?.rest}${path}`;
        const answer = await fetch(url, { method: 'POST', headers: sent, body });
        assert.equal(answer.status, 200, await answer.text());
        const { b3, 'seldon-model': model, 'x-tenant': tenant } = asked;
        assert.deepEqual([b3, model, tenant], [sent.b3, 'm1', 't']);
        assert.equal(asked['triton-grpc-protocol-infer-key'], 'k');
        assert.equal(asked['team-name'], 'blue');
        assert.notEqual(asked['user-agent'], 'nobody');
        assert.equal(asked['x-forwarded-for'], undefined);
        assert.equal(answer.headers.get('x-cost'), '3');
        assert.equal(answer.headers.get('model-cost'), '4');
        assert.equal(answer.headers.get('other-cost'), null);
        assert.doesNotMatch(answer.headers.get('x-served-by') ?? '', /evil/);
      });

  for (const [path, message] of [
    ['/tensorflow.serving.PredictionService/Predict', predictMessage()],
    ['/inference.GRPCInferenceService/ModelInfer', inferMessage('half_plus_two', 1)],
  ] as const)
    it(`come back behind an answer, translated or not: ${path}`, async () => {
      const client = await connectWire(Number(gateways.get('tfs')?.grpc.split(':')[1]));
      const { headers, trailers } = await client.call(grpcFields(path), framed(message)).done;
      client.destroy();
      assert.equal(getMetadata(trailers, 'grpc-status'), '0', String([headers, trailers]));
      for (const [name, value] of Object.entries(ended))
        assert.equal(getMetadata(trailers, name), value, name);
      assert.equal(trailers.filter((name) => name === 'grpc-status').length, 1);
      assert.equal(getMetadata(headers, 'x-cost'), '3');
    });

  it('go to REST servers with calls of gRPC, too, and come back', async () => {
    for (const backend of ['tfs+http', 'kserve+http']) {
      const client = await connectWire(Number(gateways.get(backend)?.grpc.split(':')[1]));
      const fields = grpcFields('/tensorflow.serving.PredictionService/Predict', [
        ...Object.entries(sent).flat(),
        // two of a name are one list
        ...['x-tenant', 'u'],
      ]);
      const { headers, trailers } = await client.call(fields, framed(predictMessage())).done;
      client.destroy();
      assert.equal(getMetadata(trailers, 'grpc-status'), '0', String([headers, trailers]));
      assert.deepEqual([asked.b3, asked['seldon-model'], asked['x-tenant']], [sent.b3, 'm1', 't, u']);
      assert.equal(getMetadata(headers, 'x-cost'), '3');
      assert.equal(getMetadata(headers, 'model-cost'), '4');
      assert.equal(getMetadata(headers, 'other-cost'), undefined);
      assert.ok(!headers.includes('evil'));
    }
  });
});

function pairs(fields: readonly string[]): [string, string][] {
  return fields.flatMap((name, i) => (i % 2 === 0 ? [[name, fields[i + 1] ?? '']] : []));
}
