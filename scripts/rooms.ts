/**
 * The rooms of src/ and what each may import: the walls (.dependency-cruiser.mjs) and ARCHITECTURE.md's table are
 * made of this.
 */

/** For each room below src/: the rooms that it may import. Every room may import base/. */
export const rooms: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  call: ['memory'],
  codec: [],
  wire: [],
  models: ['call', 'codec'],
  bridge: ['models', 'call', 'codec', 'memory'],
  front: ['bridge', 'models', 'call', 'codec', 'memory', 'wire'],
  filters: ['models', 'call', 'codec', 'memory'],
  fleet: ['bridge', 'models', 'call', 'codec', 'wire'],
  telemetry: ['call'],
  config: ['call'],
  gateway: [
    'bridge',
    'call',
    'codec',
    'config',
    'dashboard',
    'filters',
    'fleet',
    'front',
    'memory',
    'models',
    'telemetry',
    'wire',
  ],
  demo: ['codec'],
  dashboard: [],
  cli: ['config', 'demo', 'gateway'],
};

/**
 * For each sub-room: the other sub-rooms of its room that it may import; what is loose in the room is shared by all.
 */
export const subRooms: Readonly<Record<string, readonly string[]>> = {
  'wire/socket': [],
  'wire/hpack': [],
  'wire/http1': ['wire/socket', 'wire/hpack'],
  'wire/http2': ['wire/socket', 'wire/hpack'],
  'codec/proto': [],
  'codec/json': ['codec/proto'],
  'front/listener': [],
  'front/grpc': [],
  'front/grpc-web': ['front/grpc'],
  'front/json': [],
  'front/passthrough': ['front/json'],
  'front/admin': ['front/listener'],
  'filters/redis': [],
  'filters/latencies': [],
  'filters/cache': ['filters/redis'],
  'filters/hedge': ['filters/latencies'],
  'filters/queue': ['filters/latencies'],
  'filters/rate-limit': ['filters/redis'],
  'filters/sequence': [],
  'filters/local-services': [],
  'fleet/discovery': [],
  'fleet/balance': [],
  'fleet/connection': ['fleet/http'],
  'fleet/health': [],
  'fleet/http': ['fleet/balance'],
  'fleet/routing': ['fleet/balance', 'fleet/health'],
  'gateway/workers': [],
  'gateway/from-config': [],
};
/** Rooms within one that know nothing of each other: the two APIs of each form. */
export const apart = ['codec/proto', 'codec/json'].map((room) => [`${room}/tfs`, `${room}/v2`]);
