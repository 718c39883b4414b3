/**
 * Where an answer through the gateway is another one than the server's own, and has to be: each with its reason.
 * docs/bridging.md says them to people. Both answers are made equal in what a reason is about, and in nothing else.
 */
import type { Answer, AnswerTensor, Said } from './carriers.ts';
import type { RandomRequest } from './requests.ts';

export interface Way {
  readonly request: RandomRequest;
  readonly server: 'Triton' | 'MLServer';
  readonly door: 'rest' | 'grpc';
  readonly transport: 'http' | 'grpc';
}

interface Difference {
  readonly why: string;
  readonly when: (way: Way) => boolean;
  /** @param own the server's, for what is to be near it */
  readonly without: (answer: Answer, way: Way, own: Answer) => Answer;
}

const eachOutput = (answer: Answer, change: (tensor: AnswerTensor) => AnswerTensor): Answer =>
  answer.outputs === undefined ? answer : { ...answer, outputs: answer.outputs.map(change) };

/** The model's account of what it was asked. */
function eachAccount(answer: Answer, change: (account: unknown) => unknown): Answer {
  return eachOutput(answer, (tensor) =>
    tensor.name === 'asked'
      ? { ...tensor, values: tensor.values.map((text) => JSON.stringify(change(JSON.parse(text, asText)))) }
      : tensor,
  );
}
/** A number as it stands there. */
const asText = (_name: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === 'number' ? { number: context?.source } : value;

/** Members at any depth. */
function filtered(value: unknown, keeps: (name: string, value: unknown) => boolean): unknown {
  if (Array.isArray(value)) return value.map((each) => filtered(each, keeps));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]) =>
      keeps(name, each) ? [[name, filtered(each, keeps)]] : [],
    ),
  );
}

const withoutDoubles = (said: Said): Said =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => !value.startsWith('double ')));
const isDouble = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'number' in value && /[.eE]/.test(String(value.number));

/** Places in the last digit that Triton's reader of JSON may be away from the double that a text means. */
const maxUlps = 3n;
function near(hex: string, other: string | undefined): boolean {
  if (other === undefined || hex.length !== 16 || other.length !== 16) return false;
  const [a, b] = [hex, other].map((each) => Buffer.from(each, 'hex').readBigInt64LE()) as [bigint, bigint];
  return a - b <= maxUlps && b - a <= maxUlps;
}

const differences: readonly Difference[] = [
  {
    why: 'Where "outputs" lists an output without "binary_data", the binary tensor extension says that "binary_data_output" holds; Triton answers JSON.',
    when: ({ request, server, door }) =>
      server === 'Triton' && door === 'rest' && request.binaryOutput === true,
    without: ({ contentType: _, ...answer }, { request }) => {
      const unsaid = new Set(
        request.outputs?.flatMap(({ name, binary }) => (binary === undefined ? [name] : [])),
      );
      return eachOutput(answer, ({ carried, ...tensor }) =>
        unsaid.has(tensor.name) || carried === undefined ? tensor : { ...tensor, carried },
      );
    },
  },
  {
    why: 'Triton neither takes nor gives FP16 and BF16 as JSON; the gateway does both, as for every other server.',
    when: ({ server, door }) => server === 'Triton' && door === 'rest',
    without: (answer, { request }) => {
      const unspeakable = request.outputs?.some(({ name, binary }) => {
        const input = request.inputs.find((each) => each.name === name);
        return binary !== true && (input?.datatype === 'FP16' || input?.datatype === 'BF16');
      });
      const refused =
        typeof answer.error === 'string' && /sending [FB]P?F?16 data via JSON/.test(answer.error);
      return unspeakable === true && (refused || answer.status === 200) ? { status: 'either' } : answer;
    },
  },
  {
    why: 'Triton reads FP64 from JSON up to three places of the last digit beside the double that the text means, the gateway the double itself.',
    when: ({ server, door }) => server === 'Triton' && door === 'rest',
    without: (answer, { request }, own) => {
      const inJson = new Set(request.inputs.flatMap(({ name, json }) => (json === undefined ? [] : [name])));
      return eachOutput(answer, (tensor) => {
        const others = own.outputs?.find(({ name }) => name === tensor.name)?.values ?? [];
        return tensor.datatype === 'FP64' && inJson.has(tensor.name)
          ? {
              ...tensor,
              values: tensor.values.map((each, i) => (near(each, others[i]) ? (others[i] ?? each) : each)),
            }
          : tensor;
      });
    },
  },
  {
    why: 'An id that the client has not given is made by MLServer over REST, and is absent over gRPC; an empty one is none.',
    when: ({ request, server }) => server === 'MLServer' && (request.id ?? '') === '',
    without: ({ id: _, ...answer }) => answer,
  },
  {
    why: 'MLServer’s gRPC has no double among its parameters, neither in requests nor in answers: it drops them.',
    when: ({ server, door, transport }) => server === 'MLServer' && (door === 'grpc' || transport === 'grpc'),
    without: (answer) => {
      const shown =
        answer.parameters === undefined
          ? answer
          : { ...answer, parameters: withoutDoubles(answer.parameters) };
      const tensors = eachOutput(shown, (tensor) => ({
        ...tensor,
        parameters: withoutDoubles(tensor.parameters),
      }));
      return eachAccount(tensors, (account) => filtered(account, (_name, value) => !isDouble(value)));
    },
  },
];

/** An answer without what may differ. @param own the server's to the same request */
export function comparable(answer: Answer, way: Way, own: Answer): Answer {
  return differences.reduce(
    (left, { when, without }) => (when(way) ? without(left, way, own) : left),
    answer,
  );
}
