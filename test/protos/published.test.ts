/** protos/ against the published Python packages, and what reflection gives out against protos/. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing, python, run, tool } from '../support/index.ts';
import { type Described, embedded } from './descriptors.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** Those of TensorFlow and TensorFlow Serving. */
const entriesOf = <T>(all: Readonly<Record<string, T>>): [name: string, value: T][] =>
  Object.entries(all).filter(([name]) => name.startsWith('tensorflow.'));

describe('protos/', () => {
  it(
    'is what reflection gives out: after a change, scripts/protos.sh was run',
    { skip: missing('protoc') },
    async () => {
      const { code, stderr } = await run('sh', [here('../../scripts/protos.sh'), '--check'], {
        env: { PROTOC_PYTHON: tool('protoc') },
      });
      assert.equal(code, 0, stderr);
    },
  );

  it(
    'agrees with tensorflow-serving-api: number, type and label of every field, values of every enum, every method',
    { skip: missing('tfs') },
    async () => {
      const { code, stdout, stderr } = await python('tfs', here('published.py'));
      assert.equal(code, 0, stderr.slice(-2000));
      const published = JSON.parse(stdout) as Described;
      const { messages, enums, services } = embedded();
      assert.ok(entriesOf(messages).length > 40, 'the descriptors hold the TensorFlow Serving API');
      for (const [name, fields] of entriesOf(messages)) {
        for (const [field, description] of Object.entries(fields))
          assert.deepEqual(description, published.messages[name]?.[field], `${name}.${field}`);
      }
      for (const [name, values] of entriesOf(enums)) {
        for (const [value, number] of Object.entries(values))
          assert.equal(number, published.enums[name]?.[value], `${name}.${value}`);
      }
      // a service must be whole: a method that is missing would be unknown to reflection's users
      for (const [name, methods] of entriesOf(services))
        assert.deepEqual(methods, published.services[name], name);
    },
  );

  it(
    'agrees with tritonclient: number, type and label of every field of KServe V2, every method',
    { skip: missing('triton') },
    async () => {
      const { code, stdout, stderr } = await python('triton', here('published.py'), ['tritonclient']);
      assert.equal(code, 0, stderr.slice(-2000));
      const published = JSON.parse(stdout) as Described;
      const { messages, services } = embedded();
      const own = Object.entries(messages).filter(([name]) => name.startsWith('inference.'));
      assert.ok(own.length > 20, 'the descriptors hold the V2 API');
      for (const [name, fields] of own) assert.deepEqual(fields, published.messages[name], name);
      const service = 'inference.GRPCInferenceService';
      for (const [method, types] of Object.entries(services[service] ?? {}))
        assert.deepEqual(types, published.services[service]?.[method], method);
    },
  );
});
