/** Who a request is from, as trusted proxies say it, and what of it others cannot make up. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createPeerBehind } from '../../src/front/listener/forwarded.ts';

const isTrusted = (address: string): boolean => address.startsWith('10.') || address === '2001:db8::aa';
const proxy = '10.0.0.1:40000';

/** What a header says, by a table of its values. */
function judges(
  name: 'X-Forwarded-For' | 'Forwarded',
  table: readonly (readonly [what: string, header: string | undefined, connection: string, is: string])[],
): void {
  const forwardedHeader = name === 'Forwarded' ? 'forwarded' : 'x-forwarded-for';
  for (const [what, header, connection, is] of table)
    it(`${name}: ${what}`, () => {
      const behind = createPeerBehind({ isTrusted, forwardedHeader });
      assert.equal(behind?.(header, connection), is);
    });
}

describe('the client behind proxies', () => {
  judges('X-Forwarded-For', [
    ['nobody is trusted: the field is the client’s', '203.0.113.7', '198.51.100.1:9', '198.51.100.1:9'],
    ['the proxy says nothing', undefined, proxy, proxy],
    ['one address', '203.0.113.7', proxy, '203.0.113.7:0'],
    ['a client wrote one before it', '1.2.3.4, 203.0.113.7', proxy, '203.0.113.7:0'],
    ['two proxies', '1.2.3.4, 203.0.113.7, 10.0.0.2', proxy, '203.0.113.7:0'],
    ['without spaces, with ports', '1.2.3.4:1,203.0.113.7:5000,10.0.0.2:80', proxy, '203.0.113.7:5000'],
    ['all of them are proxies', '10.0.0.9, 10.0.0.2', proxy, '10.0.0.9:0'],
    ['IPv6', '2001:db8::1', proxy, '2001:db8::1:0'],
    ['IPv6 with a port', '[2001:db8::1]:443', proxy, '2001:db8::1:443'],
    ['an IPv6 proxy', '203.0.113.7', '2001:db8::aa:4000', '203.0.113.7:0'],
    ['IPv4 in IPv6', '::ffff:203.0.113.7', '::ffff:10.0.0.1:4000', '203.0.113.7:0'],
    ['hidden behind the second proxy', 'unknown, 10.0.0.2', proxy, '10.0.0.2:0'],
    ['nonsense', 'x'.repeat(50_000), proxy, proxy],
    ['empty', '', proxy, proxy],
    ['an empty element', '203.0.113.7,', proxy, proxy],
    ['a zone', 'fe80::1%eth0', proxy, proxy],
    ['no more than 32 hops are followed', `203.0.113.7${', 10.0.0.2'.repeat(40)}`, proxy, '10.0.0.2:0'],
  ]);

  judges('Forwarded', [
    ['one', 'for=203.0.113.7', proxy, '203.0.113.7:0'],
    ['with more', 'by=10.0.0.1; For="203.0.113.7:4711" ;proto=http', proxy, '203.0.113.7:4711'],
    ['IPv6', 'for="[2001:db8:cafe::17]:4711"', proxy, '2001:db8:cafe::17:4711'],
    ['two', 'for=192.0.2.43, for=198.51.100.17;by=10.0.0.1', proxy, '198.51.100.17:0'],
    ['two proxies', 'for=192.0.2.43, for=10.0.0.7', proxy, '192.0.2.43:0'],
    ['a comma in quotes', 'for=192.0.2.43;host="a,b", for=10.0.0.7;host="c,d"', proxy, '192.0.2.43:0'],
    ['a client opened a quote', 'for="1.2.3.4, for=203.0.113.7', proxy, '203.0.113.7:0'],
    [
      'a client hid a field in a value',
      'for=1.2.3.4;host="x;for=9.9.9.9", for=203.0.113.7',
      proxy,
      '203.0.113.7:0',
    ],
    ['hidden', 'for=_secret', proxy, proxy],
    ['unknown', 'for=192.0.2.43, for=unknown', proxy, proxy],
    ['no for', 'proto=https', proxy, proxy],
    ['spaces without end', `for=${' '.repeat(60_000)}`, proxy, proxy],
  ]);

  it('is nobody’s to say where there is no proxy', () => {
    assert.equal(createPeerBehind({ isTrusted, forwardedHeader: undefined }), undefined);
  });
});
