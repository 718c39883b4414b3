/** What is hidden of texts: secrets by their form and by their value, whole, and nothing else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  hideSecrets,
  hideSecretsOf,
  isSecretName,
  learnSecret,
  learnSecretsOf,
} from '../../src/base/secrets.ts';

describe('hiding secrets', () => {
  for (const [text, shown] of [
    ['redis://u:p@ssw0rd@h:6379/0', 'redis://***@h:6379/0'],
    ['cannot reach redis://:p/a@b@c@h, tried 3', 'cannot reach redis://***@h, tried 3'],
    [
      '"tfs://u:p@h:1" is no backend URL: write grpc://host:port',
      '"tfs://***@h:1" is no backend URL: write grpc://host:port',
    ],
    ['redis://h/0?password=hunter2', 'redis://h/0?password=***'],
    ['GET /v3/x?a=1&api_key=hunter2&b=2 HTTP/1.1', 'GET /v3/x?a=1&api_key=***&b=2 HTTP/1.1'],
    ['"http://h/?token=a@b" is', '"http://h/?token=***" is'],
    ['https://h/?X-Access-Token=abc', 'https://h/?X-Access-Token=***'],
    ['authorization: Bearer eyJhbGciOi.x.y', 'authorization: Bearer ***'],
    ['Basic dXNlcjpwYXNz=', 'Basic ***'],
    // what is none
    ['basic authentication is not supported', 'basic authentication is not supported'],
    ['tfs://10.0.0.1:8500 is down, ask ops@example.com', 'tfs://10.0.0.1:8500 is down, ask ops@example.com'],
    ['http://h/?page=2&size=10', 'http://h/?page=2&size=10'],
    ['{"url":"redis://h:1","mail":"a@b"}', '{"url":"redis://h:1","mail":"a@b"}'],
  ] as const) {
    it(`shows ${text} as ${shown}`, () => {
      assert.equal(hideSecrets(text), shown);
    });
  }

  it('hides all of a value that is a URL, whatever its password has in it', () => {
    assert.equal(hideSecretsOf('redis://u:a "b"\n<c>@d@h'), 'redis://***@h');
    assert.equal(hideSecretsOf('redis://h'), 'redis://h');
  });

  it('knows secrets by their names, and files that hold them by theirs', () => {
    for (const name of [
      'password',
      'REDIS_PASSWORD',
      'x-api-key',
      'apiKey',
      'token',
      'authorization',
      'cookie',
    ])
      assert.equal(isSecretName(name), true, name);
    for (const name of ['tokenFile', 'secretPath', 'keyPrefix', 'passthrough', 'key', 'name', 'author'])
      assert.equal(isSecretName(name), false, name);
  });

  it('hides values that it was told, in each form that they may have', () => {
    learnSecret('s3cr3t"w/\\%');
    learnSecretsOf('redis://user:un%40common@h');
    for (const text of [
      's3cr3t"w/\\%',
      JSON.stringify({ a: 's3cr3t"w/\\%' }),
      encodeURIComponent('s3cr3t"w/\\%'),
    ])
      assert.doesNotMatch(hideSecrets(`before ${text} after`), /s3cr3t/);
    assert.equal(hideSecrets('WRONGPASS un@common'), 'WRONGPASS ***');
    assert.equal(hideSecrets('WRONGPASS un%40common'), 'WRONGPASS ***');
  });

  it('takes no short word for a secret by its value', () => {
    learnSecret('redis');
    assert.equal(hideSecrets('redis is down'), 'redis is down');
  });

  it('takes its time in proportion to the text', () => {
    const ms = (text: string): number => {
      const from = performance.now();
      for (const each of [text, `@${text}`, `${text}@`]) hideSecrets(each);
      return performance.now() - from;
    };
    for (const part of [
      'a://',
      'a',
      '?a',
      '?a=',
      '&=',
      'bearer ',
      'basic a',
      '@',
      'a://a@',
      'a:// ',
      'bearer aaaaaa',
    ])
      assert.ok(ms(part.repeat(50_000)) < 2000, part);
  });
});
