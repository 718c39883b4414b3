/** What tests share: real programs, calls and stubs. */
export {
  errorReply,
  manualClock,
  manualTimers,
  method,
  predictMethod,
  readAll,
  streamCall,
  type StubHandler,
  stubHandler,
  unaryCall,
} from './calls.ts';
export { makeCertificates } from './certificates.ts';
export { startTestGateway, type TestGateway } from './gateway.ts';
export { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
export { type GenerativeServer, type SeenRequest, startGenerativeServer } from './generative.ts';
export { type DnsAnswer, startDns, type TestDns } from './dns.ts';
export { type Slice, slice, startKubernetes, type TestKubernetes } from './kubernetes.ts';
export { type EchoBackend, startEchoBackend } from './echo-backend.ts';
export { recordingObserver, type RecordingObserver } from './observer.ts';
export {
  freePort,
  type ProcessOptions,
  type ProcessResult,
  run,
  type RunningProcess,
  sleep,
  startProcess,
  waitFor,
} from './process.ts';
export { type FakeTime, fakeTime, turnsUntil, turnsWithout } from './fake-time.ts';
export { resetSocket } from './reset-socket.ts';
export { type FakeRedis, type RedisScript, startFakeRedis } from './fake-redis.ts';
export { startRedis, type TestRedis } from './redis.ts';
export {
  redisCli,
  startRedisCluster,
  startSentinels,
  type TestRedisCluster,
  type TestSentinels,
} from './redis-topologies.ts';
export { missing, needTool, python, tool, type Tool, type Venv } from './tools.ts';
export {
  type Answer,
  fieldOf,
  frame,
  h2,
  headers,
  hpackInteger,
  hpackLiterals,
  preface,
  RawClient,
  rst,
  settings,
  uint32,
  windowUpdate,
} from './h2-frames.ts';
export {
  dataFrames,
  grpcHeaders,
  predictReply,
  rawAnswer,
  type RawBackend,
  type RawBackendOptions,
  type RawCall,
  startRawBackend,
} from './raw-backend.ts';
export {
  type Bystander,
  framed,
  predictFields,
  predictMessage,
  predictPath,
  startVictim,
  type Victim,
} from './victim.ts';
export { startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from './toxiproxy.ts';
