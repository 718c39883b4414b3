/** The demo servers refuse with TF Serving's codes and texts. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import {
  encodeExamplesRequest,
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodeInput,
  type Example,
  type ModelSpec,
  type Tensor,
} from '../../src/codec/index.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { doubleTensor, floatTensor, int64Tensor, stringTensor } from '../../src/demo/tensors.ts';
import { type RawClient, rawClient, spec, status } from './client.ts';

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION } = Code;
const x = floatTensor([1], [1]);

/** A sentence, the spec, the inputs, then the code and text that TF Serving answers; last an output filter. */
const predictions: readonly (readonly [
  string,
  Partial<ModelSpec>,
  Record<string, Tensor>,
  number,
  string,
  string[]?,
])[] = [
  ['an empty name', { name: '' }, { x }, INVALID_ARGUMENT, 'ModelSpec has no name specified.'],
  ['an unknown model', { name: 'm' }, { x }, NOT_FOUND, 'Servable not found for request: Latest(m)'],
  [
    'an unknown version',
    { name: 'half_plus_two', version: 7n },
    { x },
    NOT_FOUND,
    'Servable not found for request: Specific(half_plus_two, 7)',
  ],
  [
    'version 0, which is a version',
    { name: 'half_plus_two', version: 0n },
    { x },
    NOT_FOUND,
    'Servable not found for request: Specific(half_plus_two, 0)',
  ],
  [
    'an unknown label',
    { name: 'digits', label: 'L' },
    { x },
    INVALID_ARGUMENT,
    'Unrecognized servable version label: L',
  ],
  [
    'an unknown model with a label',
    { name: 'm', label: 'L' },
    { x },
    INVALID_ARGUMENT,
    'Unrecognized servable version label: L',
  ],
  [
    'an unknown signature',
    { name: 'half_plus_two', signature: 's' },
    { x },
    FAILED_PRECONDITION,
    'Serving signature key "s" not found.',
  ],
  [
    'no inputs',
    { name: 'half_plus_two' },
    {},
    INVALID_ARGUMENT,
    'input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. Missing but required: {x}.',
  ],
  [
    'one input too many',
    { name: 'half_plus_two' },
    { x, a: x },
    INVALID_ARGUMENT,
    'input size does not match signature: 2!=1 len({a,x}) != len({x}). Sent extra: {a}. Missing but required: {}.',
  ],
  [
    'an input of another name',
    { name: 'half_plus_two' },
    { z: x },
    INVALID_ARGUMENT,
    'Signature input alias: x(feed name: x:0) not found in request and no default value provided. ' +
      'Inputs expected to be in the request {z}, or default input alias set: ',
  ],
  [
    'a wrong dtype',
    { name: 'half_plus_two' },
    { x: doubleTensor([1], [1]) },
    INVALID_ARGUMENT,
    'Expects arg[0] to be float but double is provided',
  ],
  [
    'a wrong dtype of a later input',
    { name: 'echo', signature: 'pair' },
    { a: int64Tensor([1], [1]), s: x },
    INVALID_ARGUMENT,
    'Expects arg[1] to be string but float is provided',
  ],
  [
    'a wrong matrix shape',
    { name: 'digits' },
    { pixels: floatTensor([2, 3], [1, 2, 3, 4, 5, 6]) },
    INVALID_ARGUMENT,
    'Matrix size-incompatible: In[0]: [2,3], In[1]: [64,10]\n\t [[{{node MatMul}}]]',
  ],
  [
    'a shape that holds no whole images',
    { name: 'digits' },
    { pixels: floatTensor([1, 2, 3], [1, 2, 3, 4, 5, 6]) },
    INVALID_ARGUMENT,
    'Input to reshape is a tensor with 6 values, but the requested shape requires a multiple of 64\n\t [[{{node Reshape}}]]',
  ],
  [
    'an output that the signature lacks',
    { name: 'half_plus_two' },
    { x },
    INVALID_ARGUMENT,
    'output tensor alias not found in signature: z Outputs expected to be in the set {y}.',
    ['z'],
  ],
  [
    'an output named twice',
    { name: 'half_plus_two' },
    { x },
    INVALID_ARGUMENT,
    'duplicate output tensor alias: y',
    ['y', 'y'],
  ],
  [
    'an image that is none',
    { name: 'image' },
    { image: stringTensor([1], ['awesome image bytes']) },
    INVALID_ARGUMENT,
    'Unknown image file format. One of JPEG, PNG required.\n\t [[{{node DecodeImage}}]]',
  ],
];

const examples = encodeInput([new Map([['x', { kind: 'float', values: [2] }]])] as Example[]);

describe('errors', () => {
  let server: DemoServer;
  let client: RawClient;
  before(async () => {
    server = await startDemoServer();
    client = rawClient(server.port);
  });
  after(async () => {
    client.close();
    await server.stop();
  });

  for (const [sentence, part, inputs, code, text, filter] of predictions) {
    it(`Predict refuses ${sentence}`, async () => {
      await assert.rejects(client.predict(part, inputs, filter), status(code, text));
    });
  }

  it('Predict refuses a request without a model_spec', async () => {
    await assert.rejects(
      client.call('Predict', Buffer.alloc(0)),
      status(INVALID_ARGUMENT, 'Missing ModelSpec'),
    );
  });

  it('Predict refuses bytes that are no message, and lives on', async () => {
    await assert.rejects(
      client.call('Predict', Buffer.from('ff'.repeat(40), 'hex')),
      (error: { code: number }) => {
        assert.ok(error.code === INVALID_ARGUMENT || error.code === Code.INTERNAL, `code ${error.code}`);
        return true;
      },
    );
    await client.predict({ name: 'half_plus_two' }, { x });
  });

  it('status knows no unknown model and no unknown version', async () => {
    const ask = (part: Partial<ModelSpec>) =>
      client.call('GetModelStatus', encodeGetModelStatusRequest(spec(part)));
    await assert.rejects(ask({ name: 'm' }), status(NOT_FOUND, 'Could not find any versions of model m'));
    await assert.rejects(
      ask({ name: 'echo', version: 7n }),
      status(NOT_FOUND, 'Could not find version 7 of model echo'),
    );
  });

  it('metadata wants a field, and only signature_def', async () => {
    const ask = (name: string, fields: string[]) =>
      client.call('GetModelMetadata', encodeGetModelMetadataRequest(spec({ name }), fields));
    await assert.rejects(
      ask('echo', []),
      status(INVALID_ARGUMENT, 'GetModelMetadataRequest must specify at least one metadata_field'),
    );
    await assert.rejects(ask('m', ['a']), status(INVALID_ARGUMENT, 'Metadata field a is not supported'));
    await assert.rejects(
      ask('m', ['signature_def']),
      status(NOT_FOUND, 'Servable not found for request: Latest(m)'),
    );
  });

  it('classify and regress check signature, examples and features', async () => {
    const ask = (method: string, signature: string, input = examples) =>
      client.call(method, encodeExamplesRequest(spec({ name: 'half_plus_two', signature }), input));
    await assert.rejects(
      ask('Classify', 's'),
      status(INVALID_ARGUMENT, 'No signature was found with the name: s'),
    );
    await assert.rejects(
      ask('Regress', 'serving_default'),
      status(INVALID_ARGUMENT, 'No regression inputs found in SignatureDef: serving_default'),
    );
    await assert.rejects(
      ask('Regress', 'regress_x2_to_y3'),
      status(INVALID_ARGUMENT, 'Expects arg[0] to be float but string is provided'),
    );
    await assert.rejects(
      ask('Classify', 'classify_x_to_y', encodeInput([])),
      status(INVALID_ARGUMENT, 'Input is empty.'),
    );
    await assert.rejects(
      ask('Classify', 'classify_x_to_y', encodeInput([new Map()])),
      (error: { code: number; details: string }) => {
        assert.match(error.details, /^Feature: x \(data type: float\) is required but could not be found\./);
        return error.code === INVALID_ARGUMENT;
      },
    );
  });

  it('a long message is cut at 1024 characters, as TF Serving cuts it', async () => {
    const name = 'n'.repeat(2000);
    await assert.rejects(
      client.predict({ name }, { x }),
      status(NOT_FOUND, `${`Servable not found for request: Latest(${name})`.slice(0, 1024)}...TRUNCATED`),
    );
  });

  it('an unknown method is UNIMPLEMENTED', async () => {
    await assert.rejects(client.call('SessionRun', Buffer.alloc(0)), { code: Code.UNIMPLEMENTED });
  });
});
