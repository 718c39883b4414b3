/** What slices say of their endpoints: readiness, ends, ports, zones, hints, families. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backendsIn } from '../../../src/fleet/discovery/endpoint-slices.ts';
import { changesOnly } from '../../../src/fleet/discovery/source.ts';
import { slice, type Slice } from '../../support/index.ts';

describe('endpoint slices', () => {
  const traits = { api: 'tfs' } as const;
  const names = (slices: readonly Slice[], port = 'grpc'): string[] =>
    backendsIn(slices, { port, traits }).map(({ name }) => name);

  it('give what is ready, or does not say; and, marked, what is terminating and still serves', () => {
    const conditions = [
      { ready: true },
      undefined,
      { ready: false, serving: true, terminating: true },
      { ready: false, serving: false, terminating: true },
      // written by a controller that knows no "serving"
      { ready: false, terminating: true },
      { ready: false, serving: false, terminating: false },
      // serving without ready says nothing by itself
      { ready: false, serving: true },
      // publishNotReadyAddresses
      { ready: true, serving: false, terminating: true },
    ];
    const endpoints = conditions.map((each, i) => ({
      addresses: [`10.0.0.${i + 1}`],
      ...(each === undefined ? {} : { conditions: each }),
    }));
    const found = backendsIn([slice('s', [], { endpoints })], { port: 'grpc', traits });
    assert.deepEqual(
      found.map(({ name, terminating }) => [name, terminating]),
      [
        ['10.0.0.1:8500', undefined],
        ['10.0.0.2:8500', undefined],
        ['10.0.0.3:8500', true],
        ['10.0.0.8:8500', true],
      ],
    );
  });

  it('take a pod to be terminating when the slice of one family says so', () => {
    const ofPod = (address: string, terminating: boolean) => ({
      addresses: [address],
      conditions: { ready: !terminating, serving: true, terminating },
      targetRef: { kind: 'Pod', uid: 'a' },
    });
    const v4 = slice('v4', [], { endpoints: [ofPod('10.0.0.1', false)] });
    const v6 = slice('v6', [], { addressType: 'IPv6', endpoints: [ofPod('2001:db8::1', true)] });
    for (const slices of [
      [v4, v6],
      [v6, v4],
    ])
      assert.deepEqual(
        backendsIn(slices, { port: 'grpc', traits }, 'ipv4').map(({ name, alternates, terminating }) => [
          name,
          alternates,
          terminating,
        ]),
        [['10.0.0.1:8500', ['2001:db8::1'], true]],
      );
  });

  it('bring the zones that hints name, of both families, where every ready endpoint has some', () => {
    const hinted = (address: string, zone: string, ...zones: string[]) => ({
      addresses: [address],
      zone,
      ...(zones.length === 0 ? {} : { hints: { forZones: zones.map((name) => ({ name })) } }),
    });
    const zonesOf = (...endpoints: Slice['endpoints'][number][]): unknown[] =>
      backendsIn([slice('s', [], { endpoints })], { port: 'grpc', traits }).map(({ zone, forZones }) => [
        zone,
        forZones,
      ]);
    assert.deepEqual(zonesOf(hinted('10.0.0.1', 'a', 'a', 'b'), hinted('10.0.0.2', 'a', 'c')), [
      ['a', ['a', 'b']],
      ['a', ['c']],
    ]);
    assert.deepEqual(zonesOf(hinted('10.0.0.1', 'a', 'b'), hinted('10.0.0.2', 'c')), [
      ['a', undefined],
      ['c', undefined],
    ]);
    const leaving = {
      ...hinted('10.0.0.2', 'c'),
      conditions: { ready: false, serving: true, terminating: true },
    };
    assert.deepEqual(zonesOf(hinted('10.0.0.1', 'a', 'b'), leaving), [
      ['a', ['b']],
      ['c', undefined],
    ]);
    const odd = [{ hints: 5 }, { hints: { forZones: {} } }, { hints: { forZones: [null, { name: 7 }] } }];
    for (const fields of odd)
      assert.deepEqual(zonesOf({ ...hinted('10.0.0.1', 'a'), ...(fields as object) }), [['a', undefined]]);
  });

  it('take the port by name, by number, or the only one', () => {
    const ports = [
      { name: 'rest', port: 8501, protocol: 'TCP' as const },
      { name: 'grpc', port: 8500, protocol: 'TCP' as const },
    ];
    const two = [slice('s', ['10.0.0.1'], { ports })];
    assert.deepEqual(names(two, 'rest'), ['10.0.0.1:8501']);
    assert.deepEqual(names(two, '9000'), ['10.0.0.1:9000']);
    assert.deepEqual(names(two, ''), []);
    assert.deepEqual(names([slice('s', ['10.0.0.1'])], ''), ['10.0.0.1:8500']);
  });

  it('bring zones and IPv6 addresses, and no host names', () => {
    const v6 = slice('v6', [], {
      addressType: 'IPv6',
      endpoints: [{ addresses: ['2001:db8::1'], zone: 'eu-1a' }],
    });
    const fqdn = slice('f', ['models.example'], { addressType: 'FQDN' });
    const found = backendsIn([v6, fqdn], { port: 'grpc', traits });
    assert.deepEqual(
      found.map(({ name, zone }) => [name, zone]),
      [['[2001:db8::1]:8500', 'eu-1a']],
    );
  });

  it('name a pod once that has an address in both families', () => {
    const ofPod = (uid: string, address: string, ready = true) => ({
      addresses: [address],
      conditions: { ready },
      targetRef: { kind: 'Pod', uid },
    });
    const v4 = slice('v4', [], {
      endpoints: [ofPod('a', '10.0.0.1'), ofPod('b', '10.0.0.2'), ofPod('c', '10.0.0.3')],
    });
    const v6 = slice('v6', [], {
      addressType: 'IPv6',
      endpoints: [
        ofPod('a', '2001:db8::1'),
        ofPod('b', '2001:db8::2', false),
        ofPod('d', '2001:db8::4'),
        { addresses: ['2001:db8::5'] },
      ],
    });
    const found = (preferred: 'ipv4' | 'ipv6', slices: readonly Slice[]): string[] =>
      backendsIn(slices, { port: 'grpc', traits }, preferred).map(({ name, alternates = [] }) =>
        [name, ...alternates].join(' or '),
      );
    const alone = ['[2001:db8::4]:8500', '[2001:db8::5]:8500'];
    for (const slices of [
      [v4, v6],
      [v6, v4],
    ]) {
      assert.deepEqual(
        found('ipv4', slices).sort(),
        ['10.0.0.1:8500 or 2001:db8::1', '10.0.0.2:8500', '10.0.0.3:8500', ...alone].sort(),
      );
      assert.deepEqual(
        found('ipv6', slices).sort(),
        ['[2001:db8::1]:8500 or 10.0.0.1', '10.0.0.2:8500', '10.0.0.3:8500', ...alone].sort(),
      );
    }
  });

  it('pass over parts that are nothing of the kind, and keep the others', () => {
    const odd = (fields: object): Slice => ({ ...slice('b', ['10.0.0.2']), ...fields });
    const endpoints = [
      null,
      5,
      { addresses: null },
      { addresses: [7] },
      { addresses: ['10.0.0.3'], zone: 1 },
    ];
    assert.deepEqual(
      names([
        slice('a', ['10.0.0.1']),
        odd({ endpoints: 7 }),
        odd({ ports: [null] }),
        odd({ ports: {} }),
        odd({ ports: [{ name: 'grpc', port: [] }] }),
        odd({ endpoints }),
      ]),
      ['10.0.0.1:8500', '10.0.0.3:8500'],
    );
  });

  it('join the families of a pod that is named and has no uid, and of different namespaces not', () => {
    const ofPod = (address: string, namespace: string) => ({
      addresses: [address],
      targetRef: { kind: 'Pod', namespace, name: 'tfs-0' },
    });
    const v4 = slice('v4', [], { endpoints: [ofPod('10.0.0.1', 'a'), ofPod('10.0.0.2', 'b')] });
    const v6 = slice('v6', [], { addressType: 'IPv6', endpoints: [ofPod('2001:db8::1', 'a')] });
    assert.deepEqual(
      backendsIn([v4, v6], { port: 'grpc', traits }, 'ipv4').map(({ name, alternates }) => [
        name,
        alternates,
      ]),
      [
        ['10.0.0.1:8500', ['2001:db8::1']],
        ['10.0.0.2:8500', undefined],
      ],
    );
  });

  it('leave out terminating ones first when there are too many', () => {
    const told: number[] = [];
    const problems: string[] = [];
    const events = changesOnly({
      onBackends: (backends) => void told.push(backends.length),
      onProblem: (message) => void problems.push(message),
    });
    const many = (count: number, terminating: boolean) =>
      Array.from({ length: count }, (_, i) => ({
        ...traits,
        name: `${String(terminating)}${i}`,
        host: '10.0.0.1',
        port: 1,
        ...(terminating ? { terminating } : {}),
      }));
    events.onBackends([...many(1500, false), ...many(1500, true)]);
    assert.deepEqual([told, problems], [[1500], []]);
    events.onBackends([...many(2001, false), ...many(1, true)]);
    assert.deepEqual(told, [1500]);
    assert.match(problems.join(), /more than 2000 backends/);
  });

  it('name an endpoint once that is in two slices', () => {
    assert.deepEqual(names([slice('a', ['10.0.0.1']), slice('b', ['10.0.0.1'])]), ['10.0.0.1:8500']);
  });
});
