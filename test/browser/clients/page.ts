/** What every page of the client table has in common: one way to make a call, whatever the client library. */
import { errorOf } from '../../../clients/web/src/errors.ts';
import { decodePredict, encodePredict } from '../../../clients/web/src/messages.ts';
import { tensor } from '../../../clients/web/src/tensor.ts';

/** One call as the page makes it. */
export interface PageCall {
  /** The gateway. */
  readonly url: string;
  /** "/package.Service/Method" */
  readonly path: string;
  readonly request: Uint8Array;
  readonly streaming: boolean;
  readonly timeoutMs: number | undefined;
  readonly credentials: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

/** How it ended. */
export interface Status {
  /** A gRPC code. */
  readonly code: number;
  readonly message: string;
  /** grpc-status-details-bin, in base64, or the type of the first detail, as the client gives it. */
  readonly details?: string | undefined;
}

/**
 * Makes a call with one client library.
 * @param onMessage false ends the call
 * @param abort ends the call at any time
 */
export type Adapter = (
  mode: string,
  call: PageCall,
  onMessage: (message: Uint8Array) => boolean,
  abort: AbortSignal,
) => Promise<Status>;

/** What the test asks for; bytes as base64, because they cross into the page. */
export interface Ask {
  readonly url: string;
  readonly path: string;
  readonly request?: string;
  /**
   * In the place of a request: a Predict of the echo model with so many floats, whose answer is checked in the page.
   */
  readonly floats?: number;
  readonly streaming?: boolean;
  readonly timeoutMs?: number;
  readonly cancelAfterMessages?: number;
  readonly cancelAfterMs?: number;
  readonly credentials?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Outcome extends Status {
  readonly messages: readonly string[];
  /** When each message came, in ms after the first. */
  readonly times: readonly number[];
  /** For `floats`: whether they came back as they went. */
  readonly same?: boolean;
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

/** Made once for each size: a page of a busy machine takes its time over millions of numbers. */
const bigRequests = new Map<number, { request: Uint8Array; x: Float32Array }>();

function bigRequest(length: number): { request: Uint8Array; x: Float32Array } {
  const known = bigRequests.get(length);
  if (known !== undefined) return known;
  const x = new Float32Array(length);
  for (let i = 0; i < length; i++) x[i] = i % 1009;
  const writer = encodePredict({ name: 'echo' }, { x: tensor(x) }, []);
  const request = new Uint8Array(writer.length);
  let at = 0;
  for (const part of writer.parts) {
    request.set(part, at);
    at += part.length;
  }
  const made = { request, x };
  bigRequests.set(length, made);
  return made;
}

function isSame(reply: Uint8Array | undefined, x: Float32Array): boolean {
  const data = reply === undefined ? undefined : decodePredict(reply).outputs.x?.data;
  if (!(data instanceof Float32Array) || data.length !== x.length) return false;
  for (let i = 0; i < x.length; i++) if (data[i] !== x[i]) return false;
  return true;
}

/**
 * Makes a page's client callable from the test, as `ask(mode, question)`; a function `seen` of the page's gets each
 * message when it comes.
 */
export function offer(adapter: Adapter): void {
  const ask = async (mode: string, question: Ask): Promise<Outcome> => {
    const { url, path, floats, streaming = false, timeoutMs, credentials = false, metadata = {} } = question;
    const big = floats === undefined ? undefined : bigRequest(floats);
    const request = big?.request ?? fromBase64(question.request ?? '');
    const messages: Uint8Array[] = [];
    const times: number[] = [];
    const controller = new AbortController();
    if (question.cancelAfterMs !== undefined) setTimeout(() => controller.abort(), question.cancelAfterMs);
    const onMessage = (message: Uint8Array): boolean => {
      messages.push(message);
      (globalThis as { seen?: (message: string) => void }).seen?.(toBase64(message));
      times.push(performance.now());
      return messages.length !== question.cancelAfterMessages;
    };
    const call: PageCall = { url, path, request, streaming, timeoutMs, credentials, metadata };
    const status = await adapter(mode, call, onMessage, controller.signal);
    return {
      ...status,
      details: detailType(status.details),
      messages: big === undefined ? messages.map(toBase64) : [],
      times: times.map((time) => time - (times[0] ?? 0)),
      ...(big === undefined ? {} : { same: isSame(messages[0], big.x) }),
    };
  };
  Object.assign(globalThis, { ask });
}

/** The type of the first detail of a google.rpc.Status in base64; what is no base64 is a type already. */
function detailType(details: string | undefined): string | undefined {
  if (details === undefined || details.includes('.')) return details;
  return errorOf(new Headers({ 'grpc-status': '2', 'grpc-status-details-bin': details }))?.details[0]?.type;
}
