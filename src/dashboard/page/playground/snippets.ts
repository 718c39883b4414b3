/** The same call in other languages, ready to copy. */
import type { ModelSpec } from '../../../../clients/web/src/messages.ts';
import type { DType, Tensor } from '../../../../clients/web/src/tensor.ts';
import { jsonOf } from './sample.ts';

export interface Snippet {
  readonly name: string;
  readonly code: string;
}

/** What a snippet calls. */
export interface SnippetCall {
  /** The gateway's REST and gRPC-Web door, which speaks gRPC too. */
  readonly url: string;
  readonly spec: ModelSpec;
  readonly inputs: Readonly<Record<string, Tensor>>;
}

const numpyNames: Partial<Record<DType, string>> = { bool: 'bool_', bfloat16: 'float32' };
const tensorflowNames: Partial<Record<DType, string>> = { float16: 'half' };
const arrayNames: Partial<Record<DType, string>> = {
  float32: 'Float32Array',
  float64: 'Float64Array',
  int8: 'Int8Array',
  int16: 'Int16Array',
  int32: 'Int32Array',
  uint8: 'Uint8Array',
  uint16: 'Uint16Array',
  uint32: 'Uint32Array',
};

/** JSON as Python has it; bytes come from base64, which the reader may replace by a file. */
const python = (json: string): string =>
  json
    .replace(/\btrue\b(?=[,\]]|$)/g, 'True')
    .replace(/\bfalse\b(?=[,\]]|$)/g, 'False')
    .replace(/\bNaN\b/g, 'float("nan")')
    .replace(/-?\bInfinity\b/g, (text) => `float("${text === 'Infinity' ? 'inf' : '-inf'}")`)
    .replace(/\{"b64": ("[A-Za-z0-9+/=]*")\}/g, 'base64.b64decode($1)');

/** In single quotes for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function curl({ url, spec, inputs }: SnippetCall): string {
  const { name, version, label, signature } = spec;
  const which =
    label !== undefined ? `/labels/${label}` : version !== undefined ? `/versions/${version}` : '';
  const values = Object.entries(inputs).map(([key, tensor]) => `${JSON.stringify(key)}: ${jsonOf(tensor)}`);
  const body = `{${signature === undefined ? '' : `"signature_name": ${JSON.stringify(signature)}, `}"inputs": {${values.join(', ')}}}`;
  return `curl -d ${quoted(body)} \\\n  ${quoted(`${url}/v1/models/${name}${which}:predict`)}\n`;
}

function usesBytes(inputs: SnippetCall['inputs']): boolean {
  return Object.values(inputs).some((tensor) => jsonOf(tensor).includes('{"b64": '));
}

function ovmsclient({ url, spec, inputs }: SnippetCall): string {
  const { host, protocol } = new URL(url);
  const tls = protocol === 'https:' ? ', tls_config={"server_ca_path": "ca.pem"}' : '';
  const values = Object.entries(inputs).map(([name, tensor]) => {
    const list = python(jsonOf(tensor));
    // strings go as they are: ovmsclient makes nothing of numpy's objects
    const value =
      tensor.dtype === 'string'
        ? list
        : `np.array(${list}, dtype=np.${numpyNames[tensor.dtype] ?? tensor.dtype})`;
    return `    ${JSON.stringify(name)}: ${value},\n`;
  });
  const version = spec.version === undefined ? '' : `, model_version=${spec.version}`;
  const note = spec.signature === undefined ? '' : '# ovmsclient always runs serving_default\n';
  return `${usesBytes(inputs) ? 'import base64\n' : ''}import numpy as np
from ovmsclient import make_grpc_client

client = make_grpc_client(${JSON.stringify(host)}${tls})
inputs = {
${values.join('')}}
${note}print(client.predict(inputs, ${JSON.stringify(spec.name)}${version}))
`;
}

function tensorflowServing({ url, spec, inputs }: SnippetCall): string {
  const { host, protocol } = new URL(url);
  const { name, version, label, signature } = spec;
  const values = Object.entries(inputs).map(
    ([key, tensor]) =>
      `request.inputs[${JSON.stringify(key)}].CopyFrom(\n    tf.make_tensor_proto(${python(jsonOf(tensor))}, dtype=tf.${tensorflowNames[tensor.dtype] ?? tensor.dtype}))\n`,
  );
  const narrow = [
    version === undefined ? '' : `request.model_spec.version.value = ${version}\n`,
    label === undefined ? '' : `request.model_spec.version_label = ${JSON.stringify(label)}\n`,
    signature === undefined ? '' : `request.model_spec.signature_name = ${JSON.stringify(signature)}\n`,
  ].join('');
  const channel =
    protocol === 'https:'
      ? `grpc.secure_channel(${JSON.stringify(host)}, grpc.ssl_channel_credentials())`
      : `grpc.insecure_channel(${JSON.stringify(host)})`;
  return `${usesBytes(inputs) ? 'import base64\n' : ''}import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

request = predict_pb2.PredictRequest()
request.model_spec.name = ${JSON.stringify(name)}
${narrow}${values.join('')}stub = prediction_service_pb2_grpc.PredictionServiceStub(
    ${channel})
for name, output in stub.Predict(request, timeout=5.0).outputs.items():
    print(name, tf.make_ndarray(output))
`;
}

function javascriptValue(tensor: Tensor): string {
  const { dtype, shape } = tensor;
  const json = jsonOf(tensor).replace(
    /\{"b64": ("[^"]*")\}/g,
    'Uint8Array.from(atob($1), (c) => c.charCodeAt(0))',
  );
  const array = arrayNames[dtype];
  if (array !== undefined && shape.length === 1) return `new ${array}(${json})`;
  if (dtype === 'int64' || dtype === 'uint64')
    return `tensor(${json.replace(/-?\d+/g, '$&n')}, { dtype: '${dtype}' })`;
  const plain =
    dtype === 'float32' || dtype === 'bool' || (dtype === 'string' && !json.includes('Uint8Array'));
  return plain ? json : `tensor(${json}, { dtype: '${dtype}' })`;
}

function javascript({ url, spec, inputs }: SnippetCall): string {
  const { name, ...narrow } = spec;
  const more = Object.entries(narrow)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${typeof value === 'bigint' ? `${value}n` : JSON.stringify(value)}`);
  const values = Object.entries(inputs).map(
    ([key, tensor]) => `  ${JSON.stringify(key)}: ${javascriptValue(tensor)},\n`,
  );
  const names = values.some((value) => value.includes('tensor(')) ? 'connect, tensor' : 'connect';
  return `import { ${names} } from '@tensorgate/web';

const model = connect(${JSON.stringify(url)}).model(${JSON.stringify(name)}${more.length === 0 ? '' : `, { ${more.join(', ')} }`});
const outputs = await model.predict({
${values.join('')}});
console.log(outputs);
`;
}

/** Generates the code that sends this call, for each client. */
export function snippets(call: SnippetCall): Snippet[] {
  return [
    { name: 'curl', code: curl(call) },
    { name: 'ovmsclient', code: ovmsclient(call) },
    { name: 'tensorflow-serving-api', code: tensorflowServing(call) },
    { name: 'JavaScript', code: javascript(call) },
  ];
}
