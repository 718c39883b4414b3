/** Methods and request targets: those of the APIs, and such as no client should send. */
import type { Chance } from './chance.ts';

const methods = [
  'GET',
  'POST',
  'HEAD',
  'OPTIONS',
  'PUT',
  'DELETE',
  'PATCH',
  'TRACE',
  'CONNECT',
  'post',
  'PRI',
  'M-SEARCH',
  'PROPFIND',
  'X',
  '',
];
const parts = [
  'v1',
  'v2',
  'v3',
  'models',
  'fuzzed',
  'echo',
  'text',
  'versions',
  'labels',
  '1',
  '0',
  '-1',
  '99999999999999999999',
  'stable',
  'infer',
  'ready',
  'metadata',
  'health',
  'live',
  'config',
  'reload',
  'repository',
  'index',
  'chat',
  'completions',
  '.',
  '..',
  '%2e',
  '%2F',
  '%00',
  '%',
  '%zz',
  '%ff',
  '%E9',
  '',
  'é',
  ':predict',
  'fuzzed:predict',
  'fuzzed:classify',
  'fuzzed:regress',
  'fuzzed:',
  'a b',
  '\\',
  '#',
  '?',
  '?a=b',
  'a.B',
  'C',
  'tensorflow.serving.PredictionService',
  'Predict',
  '__proto__',
  'constructor',
  'grpc.health.v1.Health',
  'Watch',
];
const whole = [
  '*',
  '/',
  '',
  '//',
  'http://a/v1/models',
  'http://',
  'a:443',
  '/?',
  '/v1',
  '/v2/',
  '/v3',
  '/v3/',
  '/v1/models/',
  '/v2/models//infer',
];

export const randomMethod = (chance: Chance): string =>
  chance.percent(95) ? chance.pick(methods.slice(0, 7)) : chance.pick(methods);

export function randomTarget(chance: Chance): string {
  if (chance.percent(15)) return chance.pick(whole);
  if (chance.percent(2)) return `/${'a'.repeat(chance.size(9000))}`;
  if (chance.percent(5)) return `/${chance.bytes(chance.size(60)).toString('latin1')}`;
  return `/${Array.from({ length: 1 + chance.below(5) }, () => chance.pick(parts)).join('/')}`;
}

/** A target of an API with little things wrong in it. */
export function oddTarget(chance: Chance, target: string): string {
  const at = chance.below(target.length + 1);
  return chance.pick([
    `${target}?${chance.bytes(chance.size(10)).toString('latin1')}`,
    `${target}/`,
    `/${target}`,
    `http://a${target}`,
    target.slice(0, at) +
      chance.pick(['%', '%00', '%2f', '/', '/../', ':', ' ', '\\', '\x01', 'é', '?', '#', ';']) +
      target.slice(at),
    target.slice(0, at),
    target.toUpperCase(),
    target.replace(
      'fuzzed',
      chance.pick(['echo', 'text', 'gone', '%66uzzed', '', '__proto__', 'x'.repeat(1000)]),
    ),
  ]);
}
