// The walls between the rooms: which folder may import which, and which library has its door where.
const room = (name) => `^src/${name}(/|\\.ts$)`;
/** What every room may import: files of no meaning of their own. */
const base = ['faults', 'watched-files'];
const wall = (from, allowed, comment) => ({
  name: `wall-${from}`,
  severity: 'error',
  comment,
  from: { path: room(from) },
  to: { path: '^src/', pathNot: [from, ...base, ...allowed].map(room).join('|') },
});
const door = (library, rooms) => ({
  name: `door-${library.replace(/[^a-z0-9]+/gi, '-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: rooms.map(room).join('|') },
  to: { path: `node_modules/${library}` },
});
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: ['main\\.ts$'] },
      to: {},
    },
    wall('call', ['bytes', 'recurring'], 'the nouns import nothing that means anything'),
    wall('wire', ['bytes', 'recurring'], 'a protocol stack that knows no model'),
    wall('codec', ['call'], 'pure functions'),
    wall('models', ['call', 'codec'], 'what a call means'),
    wall(
      'front',
      ['call', 'codec', 'models', 'wire'],
      "doors never see the fleet, the filters or each other's metrics",
    ),
    wall('filters', ['call', 'codec', 'models', 'redis-url'], 'a filter is given its slice'),
    wall('fleet', ['call', 'codec', 'models', 'wire'], 'the fleet never sees a door'),
    wall('telemetry', ['call'], 'telemetry hears an Observer, it asks nobody'),
    wall('config', ['call', 'redis-url'], 'what an operator may say'),
    wall('demo', ['call', 'codec'], 'the demo servers are backends, they know no gateway'),
    wall('dashboard', [], 'a page speaks to the gateway over HTTP, like any other client'),
    door('protobufjs', ['codec']),
    door('ioredis', ['filters/redis', 'filters/cache', 'filters/rate-limit']),
    door('prom-client', ['telemetry']),
    door('fastify', ['front']),
    door('@fastify/', ['front']),
    door('@grpc/grpc-js', ['fleet', 'demo']),
    door('undici', ['fleet']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
};
