/** Which request targets the proxy takes, and what a backend sees of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { routeOf, targetOf } from '../../../src/front/passthrough/target.ts';

const v3 = { prefix: '/v3', fleet: 'llm', rewrite: '/v3' };
const chat = { prefix: '/v1/chat', fleet: 'llm', rewrite: '/openai/v1/chat' };
const batch = { prefix: '/v3/batch', fleet: 'slow', rewrite: '/v3/batch' };
const routes = [v3, chat, batch];

describe('the target of a proxied request', () => {
  it('belongs to the longest prefix that it lies below, letter by letter', () => {
    const table: readonly (readonly [string, object | undefined])[] = [
      ['/v3', v3],
      ['/v3/', v3],
      ['/v3?x=1', v3],
      ['/v3/chat/completions', v3],
      ['/v3/batch', batch],
      ['/v3/batches', v3],
      ['/v1/chat/completions', chat],
      ['/v1/models', undefined],
      ['/v30/x', undefined],
      ['/V3/x', undefined],
      ['/%763/x', undefined],
      ['/v%33/x', undefined],
      ['/v3%2fx', undefined],
      ['/v3\\x', undefined],
      ['//v3/x', undefined],
      ['/./v3/x', undefined],
      ['//evil.example/v3/x', undefined],
      ['http://evil.example/v3/x', undefined],
      ['*', undefined],
      ['', undefined],
    ];
    for (const [url, route] of table) assert.equal(routeOf(routes, url), route, url);
  });

  it('reaches the backend byte for byte, but for a prefix that is rewritten', () => {
    const table: readonly (readonly [typeof v3, string, string])[] = [
      [v3, '/v3/chat/completions', '/v3/chat/completions'],
      [v3, '/v3', '/v3'],
      [v3, '/v3/', '/v3/'],
      [v3, '/v3?a=1&b=%2e%2e/../x?y', '/v3?a=1&b=%2e%2e/../x?y'],
      [v3, '/v3/models/acme%2Fslash-llm', '/v3/models/acme%2Fslash-llm'],
      [v3, '/v3/models/acme/..llm.v1...', '/v3/models/acme/..llm.v1...'],
      [v3, '/v3/a%3Fb%23c', '/v3/a%3Fb%23c'],
      [v3, '/v3/100%25', '/v3/100%25'],
      [v3, '/v3/m:predict@1;x=y', '/v3/m:predict@1;x=y'],
      [chat, '/v1/chat/completions?x', '/openai/v1/chat/completions?x'],
    ];
    for (const [route, url, target] of table) assert.deepEqual(targetOf(route, url), { target }, url);
  });

  it('is refused when a server could read another path or host out of it', () => {
    const tricks = [
      '/v3/../v1/config/reload',
      '/v3/..',
      '/v3/./x',
      '/v3/%2e%2e/x',
      '/v3/.%2E/x',
      '/v3/%2e/x',
      '/v3/..%2fx',
      '/v3/%2e%2e%2fx',
      '/v3/x%2f..%2f..%2fv1',
      '/v3/%252e%252e/x',
      '/v3/%25252e%25252e%25252fx',
      '/v3/..\\x',
      '/v3/\\evil.example/x',
      '/v3/..%5cx',
      '/v3/x%5c..%5c..',
      '/v3/%255c..%255c',
      '/v3//evil.example/x',
      '/v3/%2f%2fevil.example/x',
      '/v3/x//y',
      '/v3/x#y',
      '/v3/x?y#z',
      '/v3/x%00',
      '/v3/x%0d%0aHost:%20evil',
      '/v3/x%zz',
      '/v3/x%',
      '/v3/x%ff',
      '/v3/x y',
      '/v3/\u00e9',
      '/v3/x?\u0001',
      '/v3/<x>',
      `/v3/${'%25'.repeat(5)}252525252525252e`,
    ];
    for (const url of tricks) assert.ok('refused' in targetOf(v3, url), url);
  });

  it('never leaves its prefix, whatever a URL parser makes of it', () => {
    const pieces = [
      '..',
      '.',
      '%2e',
      '%2E',
      '%2f',
      '%5c',
      '\\',
      '/',
      '//',
      '%25',
      '2e',
      'x',
      '?',
      '#',
      '%3f',
      '%23',
      '@',
      ':',
      'http:',
      ';',
      '%00',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (tail) => {
        const url = `/v3/${tail.join('')}`;
        const found = targetOf(v3, url);
        if ('refused' in found) return;
        const parsed = new URL(found.target, 'http://backend:1');
        assert.equal(parsed.host, 'backend:1');
        assert.ok(parsed.pathname.startsWith('/v3/'), parsed.pathname);
        assert.equal(parsed.pathname, found.target.split('?', 1)[0]);
      }),
      { numRuns: 2000 },
    );
  });
});
