/** What passes as it is: HTTP requests below fixed prefixes, generative APIs above all. */
import Type from 'typebox';
import { bytes, count, mebi, ms, pathPattern, section } from './kinds.ts';

const route = Type.Object(
  {
    prefix: Type.String({
      pattern: pathPattern,
      description: 'Requests for this path and all below it are passed on: /v3, /v1/chat.',
    }),
    fleet: Type.String({
      description: 'The fleet that gets them; its backends are http:// or https:// URLs.',
    }),
    rewrite: Type.Optional(
      Type.String({
        pattern: pathPattern,
        description: 'What the backend sees in the place of the prefix; the prefix itself when absent.',
      }),
    ),
  },
  { additionalProperties: false, description: 'One prefix and its fleet.' },
);

export const proxy = section(
  {
    routes: Type.Optional(
      Type.Array(route, {
        description:
          'Prefixes and their fleets. Absent: /v3 goes to the HTTP fleet, if there is exactly one.',
      }),
    ),
    maxBodyBytes: bytes(
      256 * mebi,
      'Largest request body, which is streamed and never held: audio files and images are larger than tensors. Beyond it 413.',
    ),
    headersTimeoutMs: ms(
      600_000,
      'How long a backend may take to begin its answer: without streaming it is silent until the whole text is there. OpenAI’s own clients wait as long.',
    ),
    idleTimeoutMs: ms(
      300_000,
      'Silence within an answer, or within a request’s body, before it is cut. A stream as a whole may take for ever.',
    ),
    maxDurationMs: ms(0, 'For a request as a whole; 0 means no limit: generations run for many minutes.'),
    maxInFlight: count(
      1024,
      'Requests under way at one backend: each holds a connection. Beyond it, at every backend, 429.',
    ),
    maxAttempts: count(
      3,
      'Backends that are tried when no connection can be made; what was sent once is not sent again, except GET and HEAD.',
    ),
  },
  'Generative and other HTTP, passed on as it is.',
);
