/** Connections by address, and the lists of addresses that are left out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressOf, networkOf } from '../../src/base/addresses.ts';
import { trustedBy } from '../../src/config/index.ts';
import { networkProblems } from '../../src/config/networks.ts';
import { AddressLimit } from '../../src/front/listener/address-limit.ts';

const limitOf = (maxConnectionsPerAddress: number, isTrusted: (address: string) => boolean): AddressLimit =>
  new AddressLimit(() => ({ maxConnectionsPerAddress, isTrusted }));

describe('connections by address', () => {
  it('are bounded for each, and one that ends makes room', () => {
    const limit = limitOf(2, () => false);
    const leave = limit.enter('192.0.2.1');
    assert.ok(limit.enter('::ffff:192.0.2.1') !== undefined);
    assert.equal(limit.enter('192.0.2.1'), undefined);
    assert.ok(limit.enter('192.0.2.2') !== undefined);
    leave?.();
    assert.ok(limit.enter('192.0.2.1') !== undefined);
    assert.equal(limit.enter('192.0.2.1'), undefined);
  });

  it('of an IPv6 network are those of one client', () => {
    const limit = limitOf(1, () => false);
    assert.ok(limit.enter('2001:db8:0:1::1') !== undefined);
    assert.equal(limit.enter('2001:db8:0:1:ffff::2'), undefined);
    assert.ok(limit.enter('2001:db8:0:2::1') !== undefined);
  });

  it('of trusted proxies are not counted', () => {
    const limit = limitOf(1, trustedBy(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32']));
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '192.0.2.7', '2001:db8:5::1'])
      for (let i = 0; i < 3; i++) assert.ok(limit.enter(address) !== undefined, address);
    limit.enter('11.0.0.1');
    assert.equal(limit.enter('11.0.0.1'), undefined);
  });
});

describe('addresses', () => {
  it('come out of what a connection is called by', () => {
    assert.equal(addressOf('192.0.2.1:50000'), '192.0.2.1');
    assert.equal(addressOf('2001:db8::1:50000'), '2001:db8::1');
    assert.equal(addressOf('::ffff:192.0.2.1:50000'), '192.0.2.1');
    assert.equal(networkOf('192.0.2.1'), '192.0.2.1');
    assert.equal(networkOf('2001:db8::1'), networkOf('2001:db8::ffff'));
    assert.notEqual(networkOf('2001:db8::1'), networkOf('2001:db8:0:1::1'));
  });

  it('and networks of a list are checked, each mistake by its place', () => {
    const list = ['10.0.0.0/8', '::1', '10.0.0.0/33', 'proxy.example', '10.0.0.1/8/8', 'fe80::1%eth0'];
    assert.deepEqual(
      networkProblems('doors.trustedProxies', list).map(({ path }) => path),
      [2, 3, 4, 5].map((i) => `doors.trustedProxies[${i}]`),
    );
  });
});
