/**
 * The embedded model servers answer mistakes as a real TensorFlow behind TensorFlow Serving's API does
 * (test/recorded).
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Code } from '../../src/base/status.ts';
import { type DemoServer, startDemoServer } from '../../src/demo/index.ts';
import { type Answer, ask, recording, statusIn } from '../recorded/ask.ts';
import { tfsQuestions } from '../recorded/questions.ts';
import { missing } from '../support/index.ts';

/** What may differ, with the reason. */
const differs: Readonly<Record<string, readonly [reason: string, said: RegExp]>> = {
  'Predict: an image that is none': [
    'it reads fewer kinds of images',
    /^Unknown image file format\. One of JPEG, PNG required\./,
  ],
};

/** TensorFlow names the operations of its graph behind the text; their names are each graph's own. */
const text = (message: string): string => (message.split('\n')[0] as string).replace(/\{\{.*$/, '').trimEnd();

describe('an embedded server', { skip: missing('curl') }, () => {
  let server: DemoServer;
  before(async () => {
    server = await startDemoServer({
      models: [
        'my_model',
        'my_matrix=my_model:numeric',
        'my_string=my_model:string',
        'my_image=my_model:image',
        'my_float=echo:float',
      ],
    });
  });
  after(() => server.stop());

  const { answers } = recording('tensorflow');
  for (const [i, question] of tfsQuestions.entries())
    it(`answers as TensorFlow: ${question.what}`, async () => {
      const recorded = answers[i] as Answer;
      assert.equal(recorded.what, question.what, 'record anew: test/recorded/record.ts');
      const answer = await ask(`127.0.0.1:${server.port}`, question);
      const [said, wanted] = [statusIn(answer), statusIn(recorded)];
      assert.equal(said.code, wanted.code, `${said.message} | ${wanted.message}`);
      if (wanted.code === Number(Code.OK)) {
        assert.equal(answer.body, recorded.body);
        return;
      }
      const difference = differs[question.what];
      if (difference === undefined) assert.equal(text(said.message), text(wanted.message));
      else assert.match(said.message, difference[1], difference[0]);
    });
});
