/** An answer to a request that is not read: for those that a door refuses before anybody serves them. */
import type { ServerStream, StreamEvents } from '../../wire/index.ts';

export interface Answer {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly text: string;
  /** Its x-request-id; empty: none. */
  readonly id: string;
}

const ignored: StreamEvents = { onData() {}, onEnd() {}, onReset() {}, onDrain() {} };

/** Answers and throws the request's body away. */
export function answerStream(stream: ServerStream, { status, headers, text, id }: Answer): StreamEvents {
  const fields = [':status', String(status), ...headers.flat(), ...(id === '' ? [] : ['x-request-id', id])];
  if (text === '') stream.respond(fields, true);
  else {
    const body = Buffer.from(text);
    stream.respond([
      ...fields,
      'content-type',
      'text/plain; charset=utf-8',
      'content-length',
      String(body.length),
    ]);
    stream.write(body);
    stream.end();
  }
  return { ...ignored, onData: (chunk) => stream.credit(chunk.length) };
}
