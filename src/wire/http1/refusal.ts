/**
 * Answers to HTTP/1.1 requests that cannot be read: in JSON, as the doors' own errors are, and the connection ends
 * with them.
 */
import { STATUS_CODES } from 'node:http';

/** A whole answer. @param text for the client @param id its x-request-id; empty: none */
export function refusal(status: number, text: string, id = ''): string {
  const body = JSON.stringify({ error: text });
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
    `${id === '' ? '' : `x-request-id: ${id}\r\n`}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}
