/**
 * A model server that costs next to nothing, for every proxy alike: it answers each method of TensorFlow Serving and V2
 * with a message made beforehand. Usage: node bench/peers/backend.ts small|1000|image
 */
import net, { type AddressInfo } from 'node:net';
import {
  encodeFlagResponse,
  encodeGetModelStatusResponse,
  encodeHealthCheckResponse,
  encodeModelMetadataResponse,
  encodeRepositoryIndexResponse,
  encodeServerMetadataResponse,
  modelState,
  servingStatus,
} from '../../src/codec/index.ts';
import {
  defaultServerLimits,
  Http2Server,
  type ServerStream,
  type StreamEvents,
} from '../../src/wire/index.ts';
import {
  framed,
  inferReply,
  metadataReply,
  model,
  predictReply,
  replyTensors,
  streamReply,
} from './fixtures.ts';

const y = replyTensors[process.argv[2] ?? 'small'];
if (y === undefined)
  throw new Error(`no reply is called ${process.argv[2]}; there are ${Object.keys(replyTensors).join(', ')}`);

const flag = framed([encodeFlagResponse(true)]);
const v2Tensor = { datatype: 'FP32', shape: [-1] };
const answers = new Map<string, Buffer>(
  Object.entries({
    'tensorflow.serving.PredictionService/Predict': predictReply(y),
    'tensorflow.serving.PredictionService/GetModelMetadata': metadataReply,
    'tensorflow.serving.ModelService/GetModelStatus': framed([
      encodeGetModelStatusResponse([
        { version: 1n, state: modelState.AVAILABLE, errorCode: 0, errorMessage: '' },
      ]),
    ]),
    'grpc.health.v1.Health/Check': framed([encodeHealthCheckResponse(servingStatus.SERVING)]),
    'inference.GRPCInferenceService/ServerLive': flag,
    'inference.GRPCInferenceService/ServerReady': flag,
    'inference.GRPCInferenceService/ModelReady': flag,
    'inference.GRPCInferenceService/ServerMetadata': framed([
      encodeServerMetadataResponse({ name: 'bench', version: '1', extensions: [] }),
    ]),
    'inference.GRPCInferenceService/ModelMetadata': framed([
      encodeModelMetadataResponse({
        name: model,
        versions: ['1'],
        platform: '',
        inputs: [{ name: 'x', ...v2Tensor }],
        outputs: [{ name: 'y', ...v2Tensor }],
      }),
    ]),
    'inference.GRPCInferenceService/RepositoryIndex': framed([
      encodeRepositoryIndexResponse([{ name: model, version: '1', state: 'READY', reason: '' }]),
    ]),
    'inference.GRPCInferenceService/ModelInfer': inferReply(y),
  }).map(([method, answer]) => [`/${method}`, answer]),
);
const streaming = '/inference.GRPCInferenceService/ModelStreamInfer';
const head = [':status', '200', 'content-type', 'application/grpc'];
const ok = ['grpc-status', '0'];
const unimplemented = ['grpc-status', '12'];
/** As many calls as anybody sends at once, and no limit on how they come: the peers are no strangers. */
const limits = {
  ...defaultServerLimits,
  maxConcurrentStreams: 1000,
  burstFrames: Number.MAX_SAFE_INTEGER,
  updatesPerFrame: 1e6,
  maxControlBytes: 2 ** 26,
};

/** One reply for each whole message, as soon as it is there. */
function answerStream(stream: ServerStream): StreamEvents {
  let waiting = Buffer.alloc(0);
  stream.respond(head);
  return {
    onData(chunk) {
      waiting = Buffer.concat([waiting, chunk]);
      stream.credit(chunk.length);
      let replies = 0;
      for (; waiting.length >= 5; replies++) {
        const end = 5 + waiting.readUInt32BE(1);
        if (waiting.length < end) break;
        waiting = waiting.subarray(end);
      }
      for (; replies > 0; replies--) stream.write(streamReply);
    },
    onEnd: () => stream.end(ok),
    onReset: () => undefined,
    onDrain: () => undefined,
  };
}

function answer(stream: ServerStream, path: string): StreamEvents {
  return {
    onData: (chunk) => stream.credit(chunk.length),
    onEnd() {
      const message = answers.get(path);
      stream.respond(head);
      if (message !== undefined) stream.write(message);
      stream.end(message === undefined ? unimplemented : ok);
    },
    onReset: () => undefined,
    onDrain: () => undefined,
  };
}

const server = net.createServer((socket) => {
  socket.setNoDelay(true);
  socket.on('error', () => undefined);
  new Http2Server(socket, {
    limits,
    onStream(stream, fields) {
      const path = fields[fields.indexOf(':path') + 1] ?? '';
      return path === streaming ? answerStream(stream) : answer(stream, path);
    },
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening on ${(server.address() as AddressInfo).port}`));
