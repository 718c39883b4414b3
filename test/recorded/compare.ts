/** Whether servers answer today what was recorded, and the gateway before them what they answer. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { TestGateway } from '../support/index.ts';
import { type Answer, ask, recording, statusIn } from './ask.ts';
import type { Question } from './questions.ts';

type Name = Parameters<typeof recording>[0];

/** What names this process, its ports, the place of its models on the disk, or the order in which threads ran. */
const passing = [
  [/127\.0\.0\.1:[0-9]+/g, 'SERVER'],
  [/\/tmp\/[^\s"')]*/g, 'FOLDER'],
  [/0x[0-9a-f]{6,}/g, 'ADDRESS'],
  [/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID'],
  // operations of a graph are numbered as they are made
  [/_[0-9]+(?=\}\})/g, '_N'],
] as const;

export const steady = (text: string): string =>
  passing.reduce((kept, [what, word]) => kept.replace(what, word), text);

/** An answer as it is compared; lengths follow from the rest. */
function comparable({ status, fields, body }: Answer): object {
  return {
    status,
    fields: fields
      .filter((field) => !field.startsWith('content-length'))
      .map(steady)
      .sort(),
    body: steady(body),
  };
}

/** The same real server, asked again. @param exceptions by question: what it answers differs each time */
export function answersAsRecorded(
  name: Name,
  questions: readonly Question[],
  addressOf: (over: Question['over']) => string,
  exceptions: Readonly<Record<string, string>> = {},
): void {
  it('answers mistakes as it was recorded', async () => {
    const { answers } = recording(name);
    assert.deepEqual(
      answers.map(({ what }) => what),
      questions.map(({ what }) => what),
      'record anew: test/recorded/record.ts',
    );
    for (const [i, question] of questions.entries()) {
      if (question.what in exceptions) continue;
      const answer = await ask(addressOf(question.over), question);
      assert.deepEqual(comparable(answer), comparable(answers[i] as Answer), `${name}: ${question.what}`);
    }
  });
}

/**
 * gRPC errors through the gateway: code and text. White space at the ends may be stripped on the way (gRPC over
 * HTTP/2).
 */
export async function passesOn(
  name: Name,
  questions: readonly Question[],
  gateway: TestGateway,
  exceptions: Readonly<Record<string, { readonly code: number; readonly message: RegExp | string }>> = {},
): Promise<void> {
  const { answers } = recording(name);
  const different: object[] = [];
  for (const [i, question] of questions.entries()) {
    if (question.over !== 'grpc') continue;
    const { what } = question;
    const { code, message } = statusIn(await ask(gateway.grpc, question));
    const said = statusIn(answers[i] as Answer);
    const wanted = exceptions[what] ?? { code: said.code, message: steady(said.message).trim() };
    const got = steady(message).trim();
    const isSame = typeof wanted.message === 'string' ? got === wanted.message : wanted.message.test(got);
    if (code !== wanted.code || !isSame) different.push({ what, got: { code, message: got }, wanted });
  }
  assert.deepEqual(different, [], name);
}
