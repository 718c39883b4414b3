/**
 * Server reflection (v1 and v1alpha): the descriptors of what the gateway serves, so that grpcurl needs no proto
 * files.
 */
import { Code, StatusError } from '../../base/status.ts';
import type { Handler } from '../../call/index.ts';
import {
  decodeReflectionRequest,
  encodeReflectionResponse,
  type ReflectionAnswer,
  reflectionFiles,
  type ReflectionRequest,
} from '../../codec/index.ts';
import { eachMessage, messageStream } from './messages.ts';

/** A stream may ask often, but what waits to be sent is bounded: one answer is at most a few 10 KB. */
const maxQueuedBytes = 4 * 1024 * 1024;

/** @param services full names to list; their files must be among the descriptors */
export function reflectionService(services: readonly string[]): Handler {
  const files = reflectionFiles();
  const bySymbol = new Map<string, string>();
  for (const [name, file] of files) for (const symbol of file.symbols) bySymbol.set(symbol, name);

  /** A file and everything it imports, each once. */
  function closure(name: string): ReflectionAnswer {
    const seen = new Set<string>([name]);
    for (const each of seen)
      for (const dependency of files.get(each)?.dependencies ?? []) seen.add(dependency);
    const descriptors = [...seen].flatMap((each) => files.get(each)?.bytes ?? []);
    return { kind: 'files', descriptors };
  }

  const notFound = (what: string): ReflectionAnswer => ({
    kind: 'error',
    code: Code.NOT_FOUND,
    message: `${what.slice(0, 200)} not found`,
  });

  function answer({ ask }: ReflectionRequest): ReflectionAnswer {
    switch (ask.kind) {
      case 'list-services':
        return { kind: 'services', names: services };
      case 'file-by-name':
        return files.has(ask.name) ? closure(ask.name) : notFound(`file ${ask.name}`);
      case 'file-containing-symbol': {
        // a method's or a field's file is the one of what holds it
        for (
          let symbol = ask.symbol;
          symbol !== '';
          symbol = symbol.slice(0, Math.max(0, symbol.lastIndexOf('.')))
        ) {
          const file = bySymbol.get(symbol);
          if (file !== undefined) return closure(file);
        }
        return notFound(`symbol ${ask.symbol}`);
      }
      case 'extension-numbers':
        return bySymbol.has(ask.type)
          ? { kind: 'extension-numbers', type: ask.type, numbers: [] }
          : notFound(`type ${ask.type}`);
      case 'file-containing-extension':
        return notFound(`extension ${ask.number} of ${ask.type}`);
      case 'none':
        return { kind: 'error', code: Code.INVALID_ARGUMENT, message: 'the request asks nothing' };
    }
  }

  return (call) => {
    if (call.method.name !== 'ServerReflectionInfo') {
      throw new StatusError(Code.UNIMPLEMENTED, `unknown method ${call.method.path}`);
    }
    const out = messageStream();
    let queued = 0;
    out.reply.body.onCredit = (bytes) => {
      queued -= bytes;
    };
    eachMessage(call.request, {
      message(bytes) {
        const request = decodeReflectionRequest(bytes);
        const response = encodeReflectionResponse(request, answer(request));
        queued += response.length;
        if (queued > maxQueuedBytes)
          throw new StatusError(
            Code.RESOURCE_EXHAUSTED,
            'answers are not read as fast as they are asked for',
          );
        out.send(response);
      },
      end: out.end,
      error: out.fail,
    });
    call.cancellation.onCancel(out.fail);
    return Promise.resolve(out.reply);
  };
}
