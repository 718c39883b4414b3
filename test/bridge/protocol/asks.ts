/**
 * One question of V2 to a door, a gateway's or a server's own: what it says, in a form that two answers can be
 * compared in.
 */
import { Buffer } from 'node:buffer';
import { Client, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import type protobuf from 'protobufjs';
import { codeName } from '../../../src/base/status.ts';
import { v2Proto } from '../servers/v2.ts';

/** The answer, or { error } with a status and the words. */
export type Said = unknown;

export interface RestQuestion {
  readonly path: string;
  readonly method?: 'GET' | 'POST';
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Rest {
  (question: RestQuestion): Promise<Said>;
  readonly address: string;
}

export interface Grpc {
  (method: string, message?: object): Promise<Said>;
  /** A method whose messages test/bridge/servers/v2.ts does not know. */
  raw(method: string, message: Uint8Array, read: (answer: Buffer) => Said): Promise<Said>;
  /** All answers of a stream of requests. */
  stream(messages: readonly object[]): Promise<Said>;
  readonly address: string;
}

/** Servers and the gateway set their JSON differently, and frame errors each in its own form. */
function shown(text: string): Said {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const errorIn = (said: Said): string =>
  typeof said === 'object' && said !== null && 'error' in said ? String(said.error) : JSON.stringify(said);

export function restOf(address: string): Rest {
  const ask = async ({ path, method, body, headers = {} }: RestQuestion): Promise<Said> => {
    const response = await fetch(`http://${address}/${path}`, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : Buffer.from(body) }),
      headers,
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const length = response.headers.get('inference-header-content-length');
    const json = bytes.subarray(0, length === null ? bytes.length : Number(length)).toString();
    if (!response.ok) return { error: response.status, words: errorIn(shown(json)) };
    if (json.startsWith('data: ')) {
      const events = json.trimEnd().split('\n\n');
      return events.map((event) => shown(event.slice('data: '.length)));
    }
    return length === null
      ? shown(json)
      : { json: shown(json), binary: bytes.toString('hex', Number(length)) };
  };
  return Object.assign(ask, { address });
}

const service = '/inference.GRPCInferenceService';

const encode = (type: protobuf.Type, message: object): Buffer =>
  Buffer.from(type.encode(type.fromObject(message)).finish());
const decode = (type: protobuf.Type, bytes: Buffer): Said =>
  hexed(type.toObject(type.decode(bytes), { longs: String }));

/** Bytes as text, so that they can be compared and read. */
function hexed(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(hexed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hexed(each)]));
}

export function grpcOf(address: string): Grpc & { close(): void } {
  const client = new Client(address, credentials.createInsecure());
  const same = (bytes: Buffer): Buffer<ArrayBuffer> => Buffer.from(bytes);
  const raw: Grpc['raw'] = (method, message, read) =>
    new Promise((resolve) => {
      const callback = (error: ServiceError | null, answer = Buffer.alloc(0)): void => {
        resolve(error === null ? read(answer) : { error: codeName(error.code), words: error.details });
      };
      const asked = Buffer.from(message);
      client.makeUnaryRequest(`${service}/${method}`, same, same, asked, new Metadata(), callback);
    });
  const ask = (method: string, message: object = {}): Promise<Said> =>
    raw(method, encode(v2Proto(`${method}Request`), message), (answer) =>
      decode(v2Proto(`${method}Response`), answer),
    );
  const stream: Grpc['stream'] = (messages) =>
    new Promise((resolve) => {
      const call = client.makeBidiStreamRequest(`${service}/ModelStreamInfer`, same, same, new Metadata());
      const answers: Said[] = [];
      const type = v2Proto('ModelStreamInferResponse');
      call.on('data', (answer: Buffer) => answers.push(decode(type, answer)));
      call.on('error', (error: ServiceError) => {
        resolve({ answers, error: codeName(error.code), words: error.details });
      });
      call.on('end', () => {
        resolve(answers);
      });
      for (const message of messages) call.write(encode(v2Proto('ModelInferRequest'), message));
      call.end();
    });
  return Object.assign(ask, { raw, stream, address, close: () => client.close() });
}
