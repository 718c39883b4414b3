/**
 * Asks the real servers anew and writes down what they answer: node_modules/node/bin/node test/recorded/record.ts
 * [NAME...]
 */
import { writeFileSync } from 'node:fs';
import { startMlserver } from '../bridge/servers/mlserver.ts';
import { pageModels } from '../bridge/servers/models.ts';
import { startTriton } from '../bridge/servers/triton.ts';
import { startTensorFlow } from '../clients/tensorflow.ts';
import { type Answer, ask, type Recording } from './ask.ts';
import { type Question, tfsQuestions, v2Questions } from './questions.ts';

interface Asked {
  readonly grpc: string;
  readonly http?: string;
  stop(): Promise<unknown>;
}

const servers: Readonly<Record<string, readonly [string, readonly Question[], () => Promise<Asked>]>> = {
  tensorflow: [
    'TensorFlow 2.21.0 behind test/clients/python/tensorflow_server.py',
    tfsQuestions,
    async () => {
      const { server, address } = await startTensorFlow();
      return { grpc: address, stop: () => server.stop() };
    },
  ],
  triton: ['Triton 2.51.0 (nvidia-pytriton 0.7.0)', v2Questions, () => startTriton(pageModels)],
  mlserver: ['MLServer 1.7.1', v2Questions, () => startMlserver(pageModels)],
};

const wanted = process.argv.slice(2);
for (const [name, [title, questions, start]] of Object.entries(servers)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const server = await start();
  try {
    const answers: Answer[] = [];
    for (const question of questions)
      answers.push(await ask((question.over === 'grpc' ? server.grpc : server.http) as string, question));
    const recorded: Recording = { server: title, answers };
    writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(recorded, undefined, 2)}\n`);
  } finally {
    await server.stop();
  }
}
