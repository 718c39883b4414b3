/**
 * The rows of the protocol table about Triton's extensions that infer: classification, sequences, scheduling,
 * generate.
 */
import type { Said } from './asks.ts';
import { type Group, overRest, throughout } from './rows.ts';

const floats = { name: 'x', datatype: 'FP32', shape: [1, 3] };
const three = [1, 3, 2];
const sequence = { name: 'x', datatype: 'FP32', shape: [1] };

export const extensions: readonly Group[] = [
  {
    title: 'Extensions of inference',
    rows: [
      {
        member: 'classification',
        rest: (ask) =>
          ask({
            path: 'v2/models/identity_float/infer',
            body: JSON.stringify({
              inputs: [{ ...floats, data: three }],
              outputs: [{ name: 'x', parameters: { classification: 2 } }],
            }),
          }),
        grpc: (ask) =>
          ask('ModelInfer', {
            model_name: 'identity_float',
            inputs: [{ ...floats, contents: { fp32_contents: three } }],
            outputs: [{ name: 'x', parameters: { classification: { int64_param: 2 } } }],
          }),
        cells: throughout,
      },
      {
        member: 'sequence: an id of 64 bits or a text, its start and end',
        rest: async (ask) => {
          const said: Said[] = [];
          for (const id of ['7', '"a b"', '18446744073709551615'])
            said.push(
              await ask({
                path: 'v2/models/said/infer',
                body: `{"parameters":{"sequence_id":${id},"sequence_start":true,"sequence_end":true},"inputs":[${JSON.stringify({ ...sequence, data: [1] })}]}`,
              }),
            );
          return said;
        },
        grpc: async (ask) => {
          const said: Said[] = [];
          for (const id of [{ int64_param: 7 }, { string_param: 'a b' }])
            said.push(
              await ask('ModelInfer', {
                model_name: 'said',
                parameters: {
                  sequence_id: id,
                  sequence_start: { bool_param: true },
                  sequence_end: { bool_param: true },
                },
                inputs: [{ ...sequence, contents: { fp32_contents: [1] } }],
              }),
            );
          return said;
        },
        cells: throughout,
      },
      {
        member: 'schedule policy: `priority`, `timeout`',
        rest: (ask) =>
          ask({
            path: 'v2/models/identity_float/infer',
            body: JSON.stringify({
              parameters: { priority: 3, timeout: 5_000_000 },
              inputs: [{ ...floats, data: three }],
            }),
          }),
        grpc: (ask) =>
          ask('ModelInfer', {
            model_name: 'identity_float',
            parameters: { priority: { uint64_param: 3 }, timeout: { int64_param: 5_000_000 } },
            inputs: [{ ...floats, contents: { fp32_contents: three } }],
          }),
        cells: throughout,
      },
      {
        member: '`generate`, with parameters, and of a version',
        rest: async (ask) => [
          await ask({ path: 'v2/models/identity_string/generate', body: '{"x":"hé","id":"7","own":1}' }),
          await ask({ path: 'v2/models/identity_string/versions/1/generate', body: '{"x":["a","b"]}' }),
        ],
        cells: overRest(throughout),
      },
      {
        member: '`generate` without the input',
        rest: (ask) => ask({ path: 'v2/models/identity_string/generate', body: '{}' }),
        cells: overRest(throughout),
        fails: true,
      },
      {
        member: '`generate_stream`: server-sent events',
        rest: (ask) => ask({ path: 'v2/models/identity_string/generate_stream', body: '{"x":"hé"}' }),
        cells: overRest(throughout),
      },
    ],
  },
];
