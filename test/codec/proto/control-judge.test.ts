/** Control messages of TensorFlow Serving and health, and hostile ones of them, with protobufjs on protos/ as the judge. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import {
  decodeGetModelMetadataResponse,
  decodeGetModelStatusRequest,
  decodeGetModelStatusResponse,
  decodeHealthCheckRequest,
  decodeHealthCheckResponse,
  decodeReloadConfigResponse,
  encodeGetModelMetadataResponse,
  encodeGetModelStatusResponse,
  encodeHealthCheckRequest,
  encodeHealthCheckResponse,
  encodeReloadConfigResponse,
} from '../../../src/codec/index.ts';

const protos = fileURLToPath(new URL('../../../protos', import.meta.url));
const root = new protobuf.Root();
root.resolvePath = (_from, target) => (target.startsWith('/') ? target : `${protos}/${target}`);
root.loadSync(
  [
    'tensorflow_serving/apis/get_model_status.proto',
    'tensorflow_serving/apis/get_model_metadata.proto',
    'tensorflow_serving/apis/model_management.proto',
    'grpc/health/v1/health.proto',
  ],
  { keepCase: true },
);
type Plain = Record<string, unknown>;
const read = (name: string, bytes: Uint8Array): Plain => {
  const type = root.lookupType(name);
  return type.toObject(type.decode(bytes), { longs: String, defaults: true });
};
const written = (name: string, value: object): Uint8Array => {
  const type = root.lookupType(name);
  return type.encode(type.fromObject(value)).finish();
};

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const int32 = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const status = fc.record(
  { version: int64, state: int32, errorCode: int32, errorMessage: text },
  { noNullPrototype: true },
);

describe('control messages', () => {
  it('are written so that protobufjs reads the same: GetModelStatusResponse', () => {
    fc.assert(
      fc.property(fc.array(status, { maxLength: 5 }), (list) => {
        const { model_version_status: given } = read(
          'tensorflow.serving.GetModelStatusResponse',
          encodeGetModelStatusResponse(list),
        );
        assert.deepEqual(
          (given as Plain[]).map(({ version, state, status: inner }) => {
            const { error_code: code, error_message: message } = inner as Plain;
            return { version, state, code, message };
          }),
          list.map(({ version, state, errorCode, errorMessage }) => ({
            version: String(version),
            state,
            code: errorCode,
            message: errorMessage,
          })),
        );
      }),
    );
  });

  it('are read as protobufjs wrote them: GetModelStatusResponse', () => {
    fc.assert(
      fc.property(fc.array(status, { maxLength: 5 }), (list) => {
        const bytes = written('tensorflow.serving.GetModelStatusResponse', {
          model_version_status: list.map(({ version, state, errorCode, errorMessage }) => ({
            version: String(version),
            state,
            status: { error_code: errorCode, error_message: errorMessage },
          })),
        });
        assert.deepEqual(decodeGetModelStatusResponse(bytes), list);
      }),
    );
  });

  it('are read as protobufjs wrote them: requests, health, and the answer to a reload', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.nat(3), (name, code, state) => {
        const request = written('tensorflow.serving.GetModelStatusRequest', {
          model_spec: { name, version: { value: '7' } },
        });
        assert.equal(decodeGetModelStatusRequest(request)?.name, name);
        assert.equal(decodeGetModelStatusRequest(request)?.version, 7n);
        const service = { service: name };
        assert.equal(decodeHealthCheckRequest(written('grpc.health.v1.HealthCheckRequest', service)), name);
        assert.deepEqual(read('grpc.health.v1.HealthCheckRequest', encodeHealthCheckRequest(name)), service);
        assert.equal(
          decodeHealthCheckResponse(written('grpc.health.v1.HealthCheckResponse', { status: state })),
          state,
        );
        assert.deepEqual(read('grpc.health.v1.HealthCheckResponse', encodeHealthCheckResponse(state)), {
          status: state,
        });
        const reload = { errorCode: code, errorMessage: name };
        assert.deepEqual(
          read('tensorflow.serving.ReloadConfigResponse', encodeReloadConfigResponse(reload)),
          {
            status: { error_code: code, error_message: name },
          },
        );
        assert.deepEqual(
          decodeReloadConfigResponse(
            written('tensorflow.serving.ReloadConfigResponse', {
              status: { error_code: code, error_message: name },
            }),
          ),
          reload,
        );
      }),
    );
  });

  it('are read as protobufjs wrote them: the signatures in a GetModelMetadataResponse', () => {
    const shape = fc.array(fc.integer({ min: -1, max: 1000 }), { maxLength: 4 });
    fc.assert(
      fc.property(text, shape, fc.constantFrom(1, 3, 7, 9), (name, sizes, dtype) => {
        const info = {
          name: `${name}:0`,
          dtype,
          tensor_shape: { dim: sizes.map((size) => ({ size: String(size) })) },
        };
        const map = written('tensorflow.serving.SignatureDefMap', {
          signature_def: { [`s${name}`]: { inputs: { x: info }, outputs: {}, method_name: 'predict' } },
        });
        const bytes = written('tensorflow.serving.GetModelMetadataResponse', {
          model_spec: { name, version: { value: '3' } },
          metadata: {
            signature_def: {
              type_url: 'type.googleapis.com/tensorflow.serving.SignatureDefMap',
              value: map,
            },
          },
        });
        const metadata = decodeGetModelMetadataResponse(bytes);
        assert.equal(metadata.model, name);
        const input = metadata.signatures.get(`s${name}`)?.inputs.get('x');
        assert.deepEqual([input?.dtypeNumber, input?.shape, input?.tensorName], [dtype, sizes, `${name}:0`]);
        // what we write of it is read as the same again, by either
        const again = encodeGetModelMetadataResponse(metadata);
        assert.deepEqual(decodeGetModelMetadataResponse(again), metadata);
        assert.ok(
          'signature_def' in
            (read('tensorflow.serving.GetModelMetadataResponse', again)['metadata'] as Plain),
        );
      }),
    );
  });

  it('either are read as protobufjs reads them, or refused, whatever is changed in them', () => {
    const valid = encodeGetModelStatusResponse([
      { version: 2n ** 62n, state: 30, errorCode: 5, errorMessage: 'not found: é' },
      { version: -1n, state: 50, errorCode: 0, errorMessage: '' },
    ]);
    const change = fc.record({ at: fc.nat(valid.length - 1), to: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Uint8Array.from(valid);
        for (const { at, to } of changes) bytes[at] = to;
        const both = [
          (): unknown =>
            (read('tensorflow.serving.GetModelStatusResponse', bytes)['model_version_status'] as Plain[]).map(
              ({ version, state, status: inner }) => [
                version,
                state,
                (inner as Plain | null)?.['error_code'] ?? 0,
                (inner as Plain | null)?.['error_message'] ?? '',
              ],
            ),
          (): unknown =>
            decodeGetModelStatusResponse(bytes).map(({ version, state, errorCode, errorMessage }) => [
              String(version),
              state,
              errorCode,
              errorMessage,
            ]),
        ].map((decode) => {
          try {
            return decode();
          } catch {
            return 'refused';
          }
        });
        assert.deepEqual(both[1], both[0]);
      }),
      { numRuns: 1000 },
    );
  });

  it('cost little when they are hostile: 4 MiB of empty versions are refused at the thousandth', () => {
    const bytes = new Uint8Array(4 * 2 ** 20);
    for (let i = 0; i < bytes.length; i += 2) bytes[i] = 0x0a;
    const before = process.memoryUsage().heapUsed;
    assert.throws(() => decodeGetModelStatusResponse(bytes), /more than 1000 versions/);
    assert.ok(process.memoryUsage().heapUsed - before < 8 * 2 ** 20);
  });
});
