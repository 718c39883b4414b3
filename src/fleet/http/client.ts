/**
 * The HTTP/1.1 connections to one backend: undici's, with TLS verified and connection failures told apart from
 * others.
 */
import { buildConnector, errors, Pool } from 'undici';
import { Code, StatusError } from '../../base/status.ts';
import type { HttpReply, HttpRequest } from '../../call/index.ts';
import { whereOf } from '../both-families.ts';
import type { HttpAddress } from '../options.ts';

/** An idle connection is not reused after this, in ms: uvicorn, under vLLM, closes its own after 5 s. */
const keepAliveMs = 4000;

export interface HttpClient {
  readonly origin: string;
  /** @throws StatusError as HttpLease.send() does */
  send(request: HttpRequest): Promise<HttpReply>;
  /** Requests under way go on with `graceful`; without it they are cut. */
  close(graceful: boolean): void;
}

/** @param maxConnections absent: as many as there are requests at once */
export function createHttpClient(
  address: HttpAddress,
  connectTimeoutMs: number,
  maxConnections?: number,
): HttpClient {
  const { name, tls } = address;
  const origin = `${tls === undefined ? 'http' : 'https'}://${name}`;
  const where = `backend ${name}`;
  const { host: hostname, lookup } = whereOf(address);
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    rejectUnauthorized: true,
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert, key: tls.key }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(lookup === undefined ? {} : { lookup, autoSelectFamily: true }),
  });
  const pool = new Pool(origin, {
    pipelining: 1,
    ...(maxConnections === undefined ? {} : { connections: maxConnections }),
    keepAliveTimeout: keepAliveMs,
    connect(options, done) {
      connect(lookup === undefined ? options : { ...options, hostname }, (...[error, socket]) => {
        // what fails here has not reached the backend: it may be sent to another
        if (error === null) done(null, socket);
        else done(noConnection(where, error), null);
      });
    },
  });

  return {
    origin,
    async send({ method, target, headers, body, signal, headersTimeoutMs, idleTimeoutMs }) {
      try {
        const reply = await pool.request({
          method,
          path: target,
          headers: headers as Record<string, string | string[] | undefined>,
          body: body ?? null,
          signal,
          headersTimeout: headersTimeoutMs,
          bodyTimeout: idleTimeoutMs,
        });
        const { statusCode } = reply;
        // whoever destroys an unread body makes it emit an error, which must not end the process
        reply.body.on('error', () => undefined);
        // undici takes any three digits; 101 would be an upgrade that nobody asked for
        if (statusCode < 200 || statusCode > 599) {
          reply.body.destroy();
          throw new StatusError(Code.UNAVAILABLE, `${where}: answered with HTTP status ${statusCode}`, {
            where,
          });
        }
        return { statusCode, headers: reply.headers, body: reply.body };
      } catch (reason) {
        throw sendError(where, reason, headersTimeoutMs);
      }
    },
    close(graceful) {
      void (graceful ? pool.close() : pool.destroy()).catch(() => undefined);
    },
  };
}

const codeOf = (reason: unknown): string => {
  const { code, message } = reason as { code?: unknown; message?: string };
  return typeof code === 'string' ? code : (message ?? 'unknown reason');
};

function noConnection(where: string, cause: Error): StatusError {
  return new StatusError(Code.UNAVAILABLE, `${where}: no connection (${codeOf(cause)})`, {
    where,
    cause,
    disposition: 'not-started',
  });
}

function sendError(where: string, reason: unknown, headersTimeoutMs: number): StatusError {
  if (reason instanceof StatusError) return reason;
  if (reason instanceof errors.HeadersTimeoutError)
    return new StatusError(Code.DEADLINE_EXCEEDED, `${where}: no answer within ${headersTimeoutMs} ms`, {
      where,
      cause: reason,
    });
  return new StatusError(Code.UNAVAILABLE, `${where}: broke off before it answered (${codeOf(reason)})`, {
    where,
    cause: reason,
  });
}
