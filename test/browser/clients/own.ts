/** The web client of this repository, from its package: site.ts packs it. */
import { codeNames, connect, RpcError, Writer } from '@tensorgate/web';
import { type Adapter, offer } from './page.ts';

/** A message that is bytes already. */
class Raw extends Writer {
  constructor(bytes: Uint8Array) {
    super();
    this.parts.push(bytes);
    this.length = bytes.length;
  }
}

const adapter: Adapter = async (_mode, call, onMessage, abort) => {
  const { url, path, request, streaming, timeoutMs, credentials, metadata } = call;
  const { transport } = connect(url, credentials ? { credentials: 'include' } : {});
  const options = { signal: abort, headers: metadata, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  try {
    if (streaming) {
      for await (const message of transport.stream(path, new Raw(request), options))
        if (!onMessage(message)) return { code: 1, message: 'cancelled by the page' };
    } else onMessage(await transport.unary(path, new Raw(request), options));
    return { code: 0, message: '' };
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    return { code: codeNames.indexOf(error.code), message: error.message, details: error.details[0]?.type };
  }
};

offer(adapter);
