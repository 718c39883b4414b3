// The walls between the rooms: which folder may import which, through which file, and which library is used where.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { apart, rooms, subRooms } from './scripts/rooms.ts';
const inside = (room) => `^src/${room}/`;
const withDoors = [
  ...Object.keys(rooms),
  ...Object.keys(subRooms),
  ...apart.flat(),
  'front/json/tfs',
  'front/json/v2',
  'bridge/fleet-wide',
  'config/schema',
].filter((room) => existsSync(join(import.meta.dirname, 'src', room, 'index.ts')));

const door = (library, places) => ({
  name: `library-${library.replace(/[^a-z0-9]+/gi, '-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: places.map(inside).join('|') },
  to: { path: `node_modules/${library}` },
});

/** Tests that look into a room which is not theirs: each sees what no door should show, and says here why. */
const insiders = {
  'test/fuzz/': 'throws random bytes at parsers of all rooms',
  'test/wire/fuzz/': 'throws random bytes at the frames of gRPC-Web too',
  'bench/balancing/': 'measures the policies without a fleet around them',
  'bench/peers/fixtures\\.ts$':
    'gives a proxy our descriptors, and writes tensors as TensorFlow Serving does',
  'test/models/': 'has the units of the bridge too',
  'test/codec/readings/': 'holds every reader of a message against the real ones',
  'test/support/gateway\\.ts$': 'makes a gateway as the command does, in the process of the test',
  'test/support/echo-backend\\.ts$': 'is a server of the demo with a service of its own',
  'test/front/grpc/head\\.test\\.ts$': 'compares both ends of a head',
  'test/front/address-limit\\.test\\.ts$': 'compares what is checked with what is matched',
  'test/filters/own-errors\\.test\\.ts$': 'makes the errors that the fleet makes',
  'test/journeys/(proxies|real-clients)\\.test\\.ts$': 'reads tensors with the demo',
};

export default {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'no file needs itself to be loaded',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: { path: '^src/' }, to: { couldNotResolve: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: { orphan: true, path: '^src/', pathNot: ['main\\.ts$'] },
      to: {},
    },
    {
      name: 'wall-base',
      comment: 'the ground floor imports nothing',
      severity: 'error',
      from: { path: inside('base') },
      to: { path: '^src/', pathNot: inside('base') },
    },
    {
      name: 'wall-main',
      comment: 'src/main.ts and index.ts, what a program may import, are the only loose files',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/', pathNot: [...['base', 'cli'].map(inside), '^src/index\\.ts$'].join('|') },
    },
    ...Object.entries(rooms).map(([room, allowed]) => ({
      name: `wall-${room}`,
      severity: 'error',
      from: { path: inside(room) },
      to: { path: '^src/', pathNot: ['base', room, ...allowed].map(inside).join('|') },
    })),
    ...Object.entries(subRooms).flatMap(([room, allowed]) => {
      const parent = room.split('/')[0];
      const others = Object.keys(subRooms).filter(
        (other) => other !== room && other.startsWith(`${parent}/`) && !allowed.includes(other),
      );
      // an empty pattern would match everything
      if (others.length === 0) return [];
      return {
        name: `wall-${room.replace('/', '-')}`,
        severity: 'error',
        from: { path: inside(room) },
        to: { path: others.map(inside).join('|') },
      };
    }),
    ...apart.flatMap(([tfs, v2]) => [
      { name: `apart-${tfs}`, severity: 'error', from: { path: inside(tfs) }, to: { path: inside(v2) } },
      { name: `apart-${v2}`, severity: 'error', from: { path: inside(v2) }, to: { path: inside(tfs) } },
    ]),
    ...withDoors.map((room) => ({
      name: `door-of-${room.replaceAll('/', '-')}`,
      comment: 'a room is entered by its index.ts',
      severity: 'error',
      from: { path: '^src/', pathNot: inside(room) },
      to: { path: inside(room), pathNot: `^src/${room}/index\\.ts$` },
    })),
    ...withDoors
      .filter((room) => !room.includes('/'))
      .map((room) => ({
        name: `tests-enter-${room}-by-a-door`,
        comment: 'a test looks inside of its own room alone',
        severity: 'error',
        from: {
          path: '^(test|bench|scripts)/',
          pathNot: [`test/${room}/`, ...Object.keys(insiders)].map((path) => `^${path}`).join('|'),
        },
        to: { path: inside(room), pathNot: '/index\\.ts$' },
      })),
    door('ioredis', ['filters/redis', 'filters/rate-limit']),
    door('prom-client', ['telemetry']),
    door('pino', ['telemetry']),
    door('fastify', ['front/admin', 'front/json', 'front/passthrough', 'front/listener']),
    door('@fastify/', ['front/passthrough']),
    door('undici', ['fleet']),
    door('typebox', ['config']),
    door('ajv', ['config']),
    door('yaml', ['config']),
    door('jpeg-js', ['demo']),
    door('pngjs', ['demo']),
    door('@grpc/grpc-js', ['demo']),
    {
      name: 'no-development-dependency',
      comment: 'what runs for users is in dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
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
