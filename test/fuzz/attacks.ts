/** One connection to a door: what is sent, how it ends, and the judgement of what came back. */
import type { Chance } from './chance.ts';
import { converse, excerpt } from './conversation.ts';
import type { Questions } from './corpus.ts';
import { type Http1Verdict, judgeHttp1 } from './http1-answers.ts';
import { http1Script } from './http1-inputs.ts';
import { Http2Judge } from './http2-answers.ts';
import { http2Script } from './http2-inputs.ts';

/** Says what is wrong, with what went over the connection. */
function complain(what: string, sent: Buffer, came: Buffer): never {
  throw new Error(`${what}\n  sent: ${excerpt(sent)}\n  came: ${excerpt(came)}`);
}

/**
 * @param onlySound it is the servers behind the gateway that are strange: what they say may be cut
 * @returns how many requests it sent
 * @throws Error with what is wrong
 */
export async function http1Attack(
  chance: Chance,
  address: string,
  questions: Questions,
  onlySound = false,
): Promise<number> {
  const script = http1Script(chance, questions, onlySound);
  // a preface in disguise gets HTTP/2
  const isHttp1 = script.bytes.toString('latin1', 0, 3) !== 'PRI';
  const judge = (bytes: Buffer, ended: boolean): Http1Verdict =>
    judgeHttp1(bytes, ended, script.sound ? script.methods : undefined, script.bytes.includes('HEAD'));
  const { sound, requests } = script;
  const conversation = await converse({
    chance,
    address,
    bytes: script.bytes,
    isDone: sound
      ? (received) => judge(Buffer.concat(received), false).answers.length === requests
      : undefined,
  });
  if (!isHttp1) return requests;
  const { ending, ended, bytes } = conversation;
  const { wrong, cut, answers } = judge(bytes, ended);
  if (wrong !== undefined) complain(wrong, script.bytes, bytes);
  // who half-closes is gone, and its calls with it: what is under way may be cut then
  if (ending !== 'wait' || !ended || onlySound) return requests;
  if (cut) complain('the last answer is cut', script.bytes, bytes);
  if (sound && answers.length !== requests)
    complain(`${answers.length} answers to ${requests} requests`, script.bytes, bytes);
  return requests;
}

/** As http1Attack(). @returns how many requests and other frames it sent */
export async function http2Attack(
  chance: Chance,
  address: string,
  questions: Questions,
  onlySound = false,
): Promise<number> {
  const script = http2Script(chance, questions, onlySound);
  const judge = new Http2Judge();
  const { sound, streams } = script;
  const isDone = (): boolean => judge.ended + judge.reset >= streams;
  const conversation = await converse({
    chance,
    address,
    bytes: script.bytes,
    onData: (chunk) => judge.push(chunk),
    isDone: sound ? isDone : undefined,
  });
  const fail = (what: string): never => complain(what, script.bytes, conversation.bytes);
  if (judge.wrong !== undefined) fail(judge.wrong);
  if (sound && conversation.ending === 'wait' && !isDone())
    fail(`${judge.ended} answers and ${judge.reset} resets for ${streams} streams`);
  return script.inputs;
}
