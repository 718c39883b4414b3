/** Every model of the demo servers answers as its signature says, over real gRPC. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  decodeClassificationResponse,
  decodeGetModelMetadataResponse,
  decodeGetModelStatusResponse,
  decodeHealthCheckResponse,
  decodeRegressionResponse,
  type DType,
  dtypes,
  encodeExamplesRequest,
  encodeGetModelMetadataRequest,
  encodeGetModelStatusRequest,
  encodeHealthCheckRequest,
  encodeInput,
  type Example,
  type NumericTensor,
  type PredictResponse,
  servingStatus,
  type Tensor,
} from '../../src/codec/index.ts';
import { decodeImage } from '../../src/demo/images/image.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import {
  doubles,
  doubleTensor,
  floats,
  floatTensor,
  int64Tensor,
  stringTensor,
} from '../../src/demo/tensors.ts';
import { type RawClient, rawClient, spec } from './client.ts';

const texts = (tensor: Tensor | undefined): string[] => {
  assert.equal(tensor?.dtype, 'string');
  return tensor.values.map((value) => Buffer.from(value).toString('utf8'));
};
const numbers = (tensor: Tensor | undefined): number[] => {
  assert.equal(tensor?.dtype, 'float');
  return [...floats(tensor)];
};
const int32s = (tensor: Tensor | undefined): number[] => {
  assert.equal(tensor?.dtype, 'int32');
  return [...new Int32Array(new Uint8Array(tensor.bytes).buffer)];
};
const int64s = (tensor: Tensor | undefined): number[] => {
  assert.equal(tensor?.dtype, 'int64');
  return [...new BigInt64Array(new Uint8Array(tensor.bytes).buffer)].map(Number);
};
const floatExample = (name: string, ...values: number[]): Example =>
  new Map([[name, { kind: 'float', values }]]);
const example = (name: string): Buffer => readFileSync(new URL(`../../examples/${name}`, import.meta.url));

/** The held-out images that scripts/train-digits.py wrote: a digit, a blank, 64 base-17 pixels. */
const heldOut = readFileSync(new URL('digits-test.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => ({ digit: Number(line[0]), pixels: [...line.slice(2)].map((p) => parseInt(p, 17)) }));

for (const tensorContent of [false, true]) {
  describe(`models, answering ${tensorContent ? 'tensor_content' : 'typed values'}`, () => {
    let server: DemoServer;
    let client: RawClient;
    before(async () => {
      server = await startDemoServer({ tensorContent });
      client = rawClient(server.port);
    });
    after(async () => {
      client.close();
      await server.stop();
    });

    it('half_plus_two predicts x/2 + 2 in the shape of x, and says which version ran', async () => {
      const reply = await client.predict({ name: 'half_plus_two' }, { x: floatTensor([3], [1, 2, 5]) });
      assert.deepEqual(numbers(reply.outputs.get('y')), [2.5, 3, 4.5]);
      assert.deepEqual(reply.outputs.get('y')?.shape, [3]);
      assert.deepEqual(reply.spec, { name: 'half_plus_two', version: 123n, signature: 'serving_default' });
    });

    it('half_plus_two predicts nothing of nothing, and a scalar of a scalar', async () => {
      const none = await client.predict({ name: 'half_plus_two' }, { x: floatTensor([0, 1], []) });
      assert.deepEqual(none.outputs.get('y')?.shape, [0, 1]);
      const one = await client.predict({ name: 'half_plus_two', version: 123n }, { x: floatTensor([], [8]) });
      assert.deepEqual(one.outputs.get('y')?.shape, []);
      assert.deepEqual(numbers(one.outputs.get('y')), [6]);
    });

    it('digits reaches its reported accuracy on the held-out images, by version and by label', async () => {
      const pixels = floatTensor(
        [heldOut.length, 8, 8],
        heldOut.flatMap((image) => image.pixels),
      );
      const weights = JSON.parse(
        readFileSync(new URL('../../src/demo/weights/digits.json', import.meta.url), 'utf8'),
      ) as { versions: Record<string, { label: string; testAccuracy: number }> };
      for (const [version, { label, testAccuracy }] of Object.entries(weights.versions)) {
        const byVersion = await client.predict({ name: 'digits', version: BigInt(version) }, { pixels });
        const right = int64s(byVersion.outputs.get('class')).filter((c, i) => c === heldOut[i]?.digit).length;
        assert.equal(Math.round((right / heldOut.length) * 1e4) / 1e4, testAccuracy);
        assert.ok(testAccuracy > 0.96, `version ${version}: ${testAccuracy}`);
        const byLabel = await client.predict({ name: 'digits', label }, { pixels });
        assert.deepEqual(byLabel, byVersion);
      }
    });

    it('digits takes [n,64] too, gives probabilities that sum to 1, and runs its latest version by default', async () => {
      const [first] = heldOut;
      const reply = await client.predict(
        { name: 'digits' },
        { pixels: floatTensor([1, 64], first?.pixels ?? []) },
      );
      assert.equal(reply.spec?.version, 2n);
      assert.deepEqual(reply.outputs.get('probabilities')?.shape, [1, 10]);
      const sum = numbers(reply.outputs.get('probabilities')).reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(sum - 1) < 1e-6);
      assert.deepEqual(int64s(reply.outputs.get('class')), [first?.digit]);
    });

    it('text upper-cases, counts code points and reverses, in any rank', async () => {
      const twoD = stringTensor([2, 2], ['ab', 'Straße', '', 'π😀']);
      const reply = await client.predict({ name: 'text' }, { text: twoD });
      assert.deepEqual(texts(reply.outputs.get('upper')), ['AB', 'STRASSE', '', 'Π😀']);
      assert.deepEqual(int32s(reply.outputs.get('length')), [2, 6, 0, 2]);
      assert.deepEqual(texts(reply.outputs.get('reversed')), ['ba', 'eßartS', '', '😀π']);
      assert.deepEqual(reply.outputs.get('upper')?.shape, [2, 2]);
      const scalar = await client.predict({ name: 'text' }, { text: stringTensor([], ['one']) });
      assert.deepEqual(scalar.outputs.get('upper')?.shape, []);
    });

    it('text joins two inputs, and honours an output filter', async () => {
      const joined = await client.predict(
        { name: 'text', signature: 'join' },
        { left: stringTensor([2], ['a', 'b']), right: stringTensor([2], ['1', '2']) },
      );
      assert.deepEqual(texts(joined.outputs.get('joined')), ['a1', 'b2']);
      const filtered = await client.predict({ name: 'text' }, { text: stringTensor([1], ['x']) }, ['length']);
      assert.deepEqual([...filtered.outputs.keys()], ['length']);
    });

    it('image takes a batch of JPEG and PNG bytes, and gives size, colour, label and a PNG', async () => {
      const images = stringTensor([2], [example('sunset.jpg'), example('digit-7.png')]);
      const reply = await client.predict({ name: 'image' }, { image: images });
      assert.deepEqual(int32s(reply.outputs.get('size')), [48, 64, 64, 64]);
      assert.deepEqual(reply.outputs.get('mean_rgb')?.shape, [2, 3]);
      assert.deepEqual(texts(reply.outputs.get('label')), ['orange', 'grey']);
      const thumbnails = reply.outputs.get('thumbnail_bytes');
      assert.equal(thumbnails?.dtype, 'string');
      assert.equal(decodeImage(thumbnails.values[0] as Uint8Array).width, 16);
      // TensorFlow 2.21's own texts, of a graph that decodes in tf.map_fn
      const odd: [number[], string][] = [
        [[], 'Tensor must be at least a vector, but saw shape: []'],
        [[1, 1], 'Specified a list with shape [] from a tensor with shape [1]'],
      ];
      for (const [shape, details] of odd)
        await assert.rejects(
          client.predict({ name: 'image' }, { image: stringTensor(shape, [example('sunset.jpg')]) }),
          {
            code: 3,
            details: `${details}\n\t [[{{node map/TensorArrayUnstack/TensorListFromTensor}}]]`,
          },
        );
    });

    it('echo gives back every dtype bit for bit', async () => {
      for (const dtype of Object.keys(dtypes) as DType[]) {
        if (dtype === 'string' || dtype === 'resource' || dtype === 'variant') continue;
        const { width } = dtypes[dtype];
        const bytes = Uint8Array.from({ length: 4 * width }, (_, i) =>
          dtype === 'bool' ? i & 1 : 251 * (i + 1),
        );
        const x: NumericTensor = { dtype, shape: [2, 2], bytes };
        const reply = await client.predict({ name: 'echo', signature: dtype }, { x });
        const back = reply.outputs.get('x');
        assert.ok(back !== undefined && back.dtype === dtype, dtype);
        assert.deepEqual([...back.bytes], [...bytes], dtype);
      }
      const strings = stringTensor([1, 2], [Uint8Array.of(0, 255, 128), 'ok']);
      const reply = await client.predict({ name: 'echo', signature: 'bytes' }, { x: strings });
      const back = reply.outputs.get('x_bytes');
      assert.ok(back?.dtype === 'string');
      assert.deepEqual(
        back.values.map((value) => [...value]),
        strings.values.map((value) => [...value]),
      );
      const pair = await client.predict(
        { name: 'echo', signature: 'pair' },
        { a: int64Tensor([2], [-1, 7]), s: stringTensor([], ['p']) },
      );
      assert.deepEqual(int64s(pair.outputs.get('a')), [-1, 7]);
    });

    it('my_model doubles numbers, NaN and infinities included', async () => {
      const reply = await client.predict(
        { name: 'my_model' },
        { input_name: doubleTensor([4], [1.5, NaN, Infinity, -0]) },
      );
      const output = reply.outputs.get('output_name');
      assert.equal(output?.dtype, 'double');
      assert.deepEqual([...doubles(output)], [3, NaN, Infinity, -0]);
    });

    it('classify and regress signatures take Examples, with a context under them', async () => {
      const classify = encodeExamplesRequest(
        spec({ name: 'digits', label: 'stable', signature: 'classify' }),
        encodeInput([floatExample('pixels', ...(heldOut[0]?.pixels ?? []))]),
      );
      const classes = decodeClassificationResponse((await client.call('Classify', classify)).bytes);
      assert.equal(classes.results[0]?.[0]?.label, String(heldOut[0]?.digit));
      assert.equal(classes.results[0]?.length, 10);
      assert.deepEqual(classes.spec, { name: 'digits', version: 1n, signature: 'classify' });

      const scores = encodeExamplesRequest(
        spec({ name: 'half_plus_two', signature: 'classify_x_to_y' }),
        encodeInput([floatExample('x', 2)]),
      );
      const unlabelled = decodeClassificationResponse((await client.call('Classify', scores)).bytes);
      assert.deepEqual(unlabelled.results, [[{ label: '', score: 3 }]]);

      const regress = encodeExamplesRequest(
        spec({ name: 'half_plus_two', signature: 'regress_x_to_y2' }),
        encodeInput([new Map(), floatExample('x', 4)], floatExample('x', 10)),
      );
      const values = decodeRegressionResponse((await client.call('Regress', regress)).bytes);
      assert.deepEqual(values.values, [8, 5]);
    });

    it('metadata lists every signature with names, dtypes and shapes', async () => {
      const request = encodeGetModelMetadataRequest(spec({ name: 'half_plus_two' }), ['signature_def']);
      const metadata = decodeGetModelMetadataResponse((await client.call('GetModelMetadata', request)).bytes);
      assert.equal(metadata.version, 123n);
      assert.deepEqual([...metadata.signatures.keys()].sort(), [
        'classify_x_to_y',
        'regress_x2_to_y3',
        'regress_x_to_y',
        'regress_x_to_y2',
        'serving_default',
      ]);
      const signature = metadata.signatures.get('serving_default');
      assert.equal(signature?.methodName, 'tensorflow/serving/predict');
      assert.deepEqual(signature?.inputs.get('x'), {
        dtype: 'float',
        dtypeNumber: 1,
        shape: [-1, 1],
        tensorName: 'x:0',
      });
    });

    it('status lists every version, the highest first, and ignores a label', async () => {
      const all = await client.call(
        'GetModelStatus',
        encodeGetModelStatusRequest(spec({ name: 'digits', label: 'x' })),
      );
      assert.deepEqual(decodeGetModelStatusResponse(all.bytes), [
        { version: 2n, state: 30, errorCode: 0, errorMessage: '' },
        { version: 1n, state: 30, errorCode: 0, errorMessage: '' },
      ]);
      const one = await client.call(
        'GetModelStatus',
        encodeGetModelStatusRequest(spec({ name: 'digits', version: 1n })),
      );
      assert.equal(decodeGetModelStatusResponse(one.bytes).length, 1);
    });

    it('health knows its three names', async () => {
      for (const service of ['', 'ModelService', 'PredictionService']) {
        const reply = await client.call('Check', encodeHealthCheckRequest(service));
        assert.equal(decodeHealthCheckResponse(reply.bytes), servingStatus.SERVING);
      }
      await assert.rejects(client.call('Check', encodeHealthCheckRequest('echo')), { code: 5 });
    });

    it('a health watch says its status at once and stays open', async () => {
      for (const [service, expected] of [
        ['', servingStatus.SERVING],
        ['echo', servingStatus.SERVICE_UNKNOWN],
      ] as const) {
        const watch = client.watchHealth(encodeHealthCheckRequest(service));
        const [bytes] = (await once(watch, 'data')) as [Buffer];
        assert.equal(decodeHealthCheckResponse(bytes), expected);
        const error = once(watch, 'error');
        watch.cancel();
        await error;
      }
    });
  });
}

describe('a reply without tensor_content', () => {
  it('is, byte for byte, what a protobuf library writes with typed fields', async () => {
    const server = await startDemoServer({ models: ['half_plus_two'] });
    const client = rawClient(server.port);
    try {
      // Both from Python's protobuf and the protos of ovmsclient 2023.1, SerializeToString(deterministic=True):
      // inputs["x"] = DT_FLOAT, shape [2], float_val 1 and 2; outputs["y"] likewise 2.5 and 3, model_spec version 123.
      const request = '0a0f0a0d68616c665f706c75735f74776f12170a0178121208011204120208022a080000803f00000040';
      const response =
        '0a170a0179121208011204120208022a0800002040000040401224' +
        '0a0d68616c665f706c75735f74776f1202087b1a0f73657276696e675f64656661756c74';
      const { bytes } = await client.call('Predict', Buffer.from(request, 'hex'));
      assert.equal(bytes.toString('hex'), response);
    } finally {
      client.close();
      await server.stop();
    }
  });
});

describe('my_model', () => {
  it('is an image or a string model when asked', async () => {
    const server = await startDemoServer({ models: ['my_model:image', 'words=my_model:string'] });
    const client = rawClient(server.port);
    try {
      const image: PredictResponse = await client.predict(
        { name: 'my_model' },
        { input_name: stringTensor([1], [example('sunset.jpg')]) },
      );
      assert.deepEqual(image.outputs.get('output_name')?.shape, [1, 3]);
      const words = await client.predict({ name: 'words' }, { input_name: stringTensor([1], ['<string>']) });
      assert.deepEqual(texts(words.outputs.get('output_name')), ['<STRING>']);
    } finally {
      client.close();
      await server.stop();
    }
  });
});
