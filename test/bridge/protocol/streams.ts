/** The rows of the protocol table about streams: ModelStreamInfer, decoupled models, and server-sent events of V2. */
import type { Said } from './asks.ts';
import { type Cell, type Group, overGrpc, throughout } from './rows.ts';

const floats = (name = 'x'): object => ({
  name,
  datatype: 'FP32',
  shape: [1, 2],
  contents: { fp32_contents: [1, 2] },
});
const request = (id: string, more: object = {}): object => ({
  ...{ model_name: 'identity_float', id, inputs: [floats()] },
  ...more,
});
const says = JSON.stringify({ say: ['a', 'b'] });
const asksDecoupled = {
  ...{ model_name: 'decoupled', id: '7' },
  parameters: { triton_enable_empty_final_response: { bool_param: true } },
  inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from(says)] } }],
};
const decoupledBody = JSON.stringify({
  id: '7',
  inputs: [{ name: 'x', datatype: 'BYTES', shape: [1], data: [says] }],
});
const events = { accept: 'text/event-stream' };

const ofGrpc = overGrpc({
  'grpc-rest': throughout['grpc-rest'],
  'grpc-grpc': throughout['grpc-grpc'],
});

/** What the events of an answer give. */
const dataIn = (said: Said): unknown =>
  Array.isArray(said)
    ? said.map((event) => (event as { outputs?: { data: unknown }[] }).outputs?.[0]?.data)
    : said;
const gives =
  (...data: readonly unknown[]) =>
  (said: Said): boolean =>
    JSON.stringify(dataIn(said)) === JSON.stringify(data);

const words = /HTTP end point doesn't support models with decoupled transaction policy/;
const why = 'Triton’s infer over HTTP refuses decoupled models';
const refused = (status: number | string): Cell => ({ kind: 'refused', status, words, why });
const oneEvent: Cell = { kind: 'own', what: 'The one answer is one event', is: gives([1, 2]) };

export const streams: readonly Group[] = [
  {
    title: 'Streams',
    rows: [
      {
        member: '`ModelStreamInfer`: requests, and that each answer is the last, `triton_final_response`',
        grpc: (ask) =>
          ask.stream([
            request('1', { parameters: { triton_enable_empty_final_response: { bool_param: true } } }),
            request('2'),
          ]),
        cells: ofGrpc,
      },
      {
        member: '`ModelStreamInfer`: a request that fails, `error_message`, and what is behind it',
        grpc: (ask) => ask.stream([request('1', { inputs: [floats('nobody')] }), request('2')]),
        cells: ofGrpc,
      },
      {
        member: '`ModelStreamInfer` of a decoupled model',
        grpc: (ask) => ask.stream([asksDecoupled]),
        cells: overGrpc({
          'grpc-grpc': throughout['grpc-grpc'],
          'grpc-rest': {
            kind: 'own',
            what: 'Triton’s refusal over HTTP, as `error_message`',
            is: (said) => words.test(JSON.stringify(said)),
          },
        }),
      },
      {
        member: 'infer of a decoupled model',
        rest: (ask) => ask({ path: 'v2/models/decoupled/infer', body: decoupledBody }),
        grpc: (ask) => ask('ModelInfer', asksDecoupled),
        fails: true,
        cells: {
          ...throughout,
          'rest-grpc': {
            kind: 'refused',
            status: 501,
            words: /ModelInfer RPC doesn't support .*; ask with "Accept: text\/event-stream"/,
            why: 'In Triton’s words, with what to do',
          },
          'grpc-rest': refused('UNIMPLEMENTED'),
        },
      },
      {
        member: 'infer of a decoupled model with `Accept: text/event-stream`',
        rest: (ask) => ask({ path: 'v2/models/decoupled/infer', body: decoupledBody, headers: events }),
        cells: {
          'rest-rest': refused(501),
          'rest-grpc': { kind: 'own', what: 'Each answer is an event', is: gives(['a'], ['b']) },
          'grpc-rest': { kind: 'none' },
          'grpc-grpc': { kind: 'none' },
        },
      },
      {
        member: 'infer of any other model with `Accept: text/event-stream`',
        rest: (ask) =>
          ask({
            path: 'v2/models/identity_float/infer',
            body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] }),
            headers: events,
          }),
        cells: {
          'rest-rest': oneEvent,
          'rest-grpc': oneEvent,
          'grpc-rest': { kind: 'none' },
          'grpc-grpc': { kind: 'none' },
        },
      },
    ],
  },
];
