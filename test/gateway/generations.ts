/** What the tests of generate share: a model, its answers over HTTP and gRPC, and a client that keeps what it gets. */
import { type IncomingMessage, request } from 'node:http';
import { encodeModelInferResponse, noParameters, type V2Parameters } from '../../src/codec/index.ts';
import { framed, type TestGateway, waitFor } from '../support/index.ts';

const text = (value: string) => ({ dtype: 'string', shape: [1], values: [[Buffer.from(value)]] }) as const;
/** Of the model that generates. */
export const metadata = {
  name: 'm',
  versions: ['1'],
  platform: 'p',
  inputs: [
    { name: 'text_input', datatype: 'BYTES', shape: [1] },
    { name: 'sizes', datatype: 'INT32', shape: [-1, 2] },
    { name: 'flag', datatype: 'BOOL', shape: [-1] },
  ],
  outputs: [{ name: 'text_output', datatype: 'BYTES', shape: [1] }],
};

/** One answer over gRPC: ModelStreamInferResponse of field 2. */
export function answered(word: string, parameters: V2Parameters = noParameters): Buffer {
  const reply = encodeModelInferResponse({
    ...{ model: 'm', version: '1', id: '', parameters },
    outputs: new Map([['text_output', text(word)]]),
    outputParameters: new Map(),
  });
  return framed(inField(2, Buffer.concat(reply)));
}
const inField = (field: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([field * 8 + 2, bytes.length]), bytes]);
export const failure = (message: string): Buffer => framed(inField(1, Buffer.from(message)));
export const event = (word: string): string =>
  `data: {"model_name":"m","model_version":"1","text_output":"${word}"}\n\n`;

/** A generation at a backend, whichever it speaks. */
export interface Generation {
  say(word: string): void;
  end(): void;
  die(): void;
  readonly left: boolean;
}

export interface Got {
  readonly status: number;
  readonly fields: IncomingMessage['headers'];
  /** So far. */
  body: string;
  /** Undefined while it goes on. */
  whole: boolean | undefined;
  leave(): void;
}

export function ask(
  gateway: TestGateway,
  path: string,
  body: object | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asked = request(`http://${gateway.rest}/v2/models/m/${path}`, {
      method: 'POST',
      agent: false,
      headers,
    });
    asked.on('error', reject);
    asked.on('response', (response) => {
      const got: Got = {
        status: response.statusCode ?? 0,
        fields: response.headers,
        body: '',
        whole: undefined,
        leave: () => void asked.destroy(),
      };
      response.setEncoding('utf8').on('data', (chunk: string) => (got.body += chunk));
      response.on('error', () => undefined);
      response.on('close', () => (got.whole = response.complete));
      resolve(got);
    });
    asked.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
}

export async function whole(asked: Promise<Got>): Promise<Got> {
  const got = await asked;
  await waitFor(() => got.whole !== undefined, 5000, 'the end of the answer');
  return got;
}
