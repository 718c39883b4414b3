/** Which HTTP header fields are a call's metadata: those of requests over REST, and those of the answers to them. */

export type TakesHeader = (name: string) => boolean;

/** What a client may send along to the model servers: who it is, its tenant, its trace. */
const ofRequests = /^(authorization|traceparent|tracestate|baggage|b3|cache-control|x-.*)$/;
const ofAnswers = /^x-/;

/** What says how a message is carried, or is the gateway's own to say: no setting makes metadata of these. */
const carriage =
  /^(:.*|connection|keep-alive|proxy-.*|transfer-encoding|upgrade|host|te|trailer|expect|http2-settings|content-.*|accept|accept-encoding|date|vary|inference-header-content-length|access-control-.*|grpc-.*|x-forwarded-.*|x-real-ip|forwarded|origin)$/;
/** The gateway's own, of answers. */
const ownAnswers: ReadonlySet<string> = new Set([
  'x-served-by',
  'x-request-id',
  'x-model-version',
  'x-backends-asked',
  'x-backends-failed',
  'x-config-differs',
]);

/** Clients and servers choose names, so no more than this many are remembered. */
const maxKnown = 1000;
const maxNameLength = 64;

/** Whether a setting can make a request's header metadata. */
export const canBeMetadata = (name: string): boolean => !carriage.test(name);

/** @param more names, or beginnings of names with a "*" behind them, in lower case */
function taking(usual: RegExp, own: ReadonlySet<string>, more: readonly string[]): TakesHeader {
  const names = new Set(more.filter((name) => !name.endsWith('*')));
  const beginnings = more.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  const judge: TakesHeader = (name) =>
    canBeMetadata(name) &&
    !own.has(name) &&
    (usual.test(name) || names.has(name) || beginnings.some((text) => name.startsWith(text)));
  const known = new Map<string, boolean>();
  return (name) => {
    let takes = known.get(name);
    if (takes !== undefined) return takes;
    takes = judge(name);
    if (known.size < maxKnown && name.length <= maxNameLength) known.set(name, takes);
    return takes;
  };
}

/** Of requests; clients of gRPC send all that they like. */
export const takesOfRequests = (more: readonly string[]): TakesHeader => taking(ofRequests, new Set(), more);
/** Of answers. */
export const takesOfAnswers = (more: readonly string[]): TakesHeader => taking(ofAnswers, ownAnswers, more);
