/**
 * Calls over REST whose bodies go on as messages: Triton's generate extension, and infer with server-sent events for
 * answers.
 */
import { Code, StatusError } from '../../../base/status.ts';
import { V2Question } from '../../../bridge/index.ts';
import { errorOf, getMetadata, statusOf, type Target } from '../../../call/index.ts';
import { encodeHttpBody, mayDeclareMoreThan, V2Body } from '../../../codec/index.ts';
import { generateMethods } from '../../../models/index.ts';
import { timeoutOf } from '../../timeout.ts';
import { inTurn } from '../answer.ts';
import { readBody } from '../body.ts';
import type { HttpAnswer } from '../json-handler.ts';
import type { JsonRequest } from '../json-request.ts';
import { limitsOf } from '../options.ts';
import { addAnswerFields, answerTo, type RequestContext, callOf } from '../request-context.ts';
import type { V2Deps } from './deps.ts';
import { headerBytesOf, tensorOptionsOf } from './infer.ts';

interface Question {
  readonly target: Target;
  readonly kind: 'generate' | 'generate-stream' | 'infer-stream';
}

const methods = {
  generate: generateMethods.generate,
  'generate-stream': generateMethods.generateStream,
  'infer-stream': generateMethods.inferStream,
} as const;

/** @throws StatusError INVALID_ARGUMENT for a body without JSON, which would need the model's word on what it is */
function jsonBytesFor(request: JsonRequest): number | undefined {
  const bytes = headerBytesOf(request);
  if (bytes === 0)
    throw new StatusError(Code.INVALID_ARGUMENT, 'a raw tensor cannot ask for server-sent events: send JSON');
  return bytes;
}

/** Which the server may leave out. */
const eventType = 'text/event-stream; charset=utf-8';

/**
 * Answers Triton's generate and generate_stream, and infer with server-sent events. `generate` waits for the one
 * answer; the others give the flow of the backend's events as the body.
 * @throws BodyError for a body that cannot be read, StatusError of the request, or of a backend that fails before its
 *   first message
 */
export async function generate(
  deps: V2Deps,
  { target, kind }: Question,
  request: JsonRequest,
  context: RequestContext,
): Promise<HttpAnswer> {
  const { options, clock } = deps;
  const method = methods[kind];
  const headerBytes = kind === 'infer-stream' ? jsonBytesFor(request) : undefined;
  const bytes = await readBody(request, new V2Body(options.json.maxBodyBytes), limitsOf(options), deps);
  if (kind === 'infer-stream' && mayDeclareMoreThan(bytes.subarray(0, headerBytes), options.maxReplyBytes))
    V2Question.read(bytes, headerBytes, tensorOptionsOf(options));
  // it goes on for as long as it likes, unless its client says otherwise, and may be silent for no longer than any
  // other stream
  const deadline = clock() + timeoutOf(method, context.timeout, options.timeouts);
  const message =
    kind === 'infer-stream' ? encodeHttpBody({ model: '', headerBytes, body: [bytes] }) : [bytes];
  const call = callOf('stream', method, target, message, { ...context, deadline });
  if (kind === 'generate') {
    const answer = await answerTo(deps, call, context);
    const headers = ['content-type', 'application/json', 'x-served-by', answer.from];
    addAnswerFields(headers, answer.metadata, options.returnsHeader);
    return { status: 200, headers, body: { pieces: inTurn([answer.bytes]), lent: false } };
  }
  const { metadata, body, from } = await deps.handler(call);
  // behind an answer that came with it, the error is told at the end
  if (body.bytes === 0) {
    if (body.error !== undefined) throw body.error;
    if (body.ended && statusOf(body.trailers) !== Code.OK) throw errorOf(body.trailers, from);
  }
  const headers = ['content-type', getMetadata(metadata, 'content-type') ?? eventType, 'x-served-by', from];
  addAnswerFields(headers, metadata, options.returnsHeader);
  return {
    status: 200,
    headers,
    body: {
      flow: body,
      from,
      maxMessageBytes: options.maxReplyBytes,
      // an empty line first: it ends the event that may have been under way. An event is one line
      lastWords: ({ message }) => `\n\ndata: ${JSON.stringify({ error: message })}\n\n`,
    },
  };
}
