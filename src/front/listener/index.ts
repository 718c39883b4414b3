/** Ports: connections accepted, told apart and judged before anybody serves their requests. */
export { type Answer, answerStream } from './early-answer.ts';
export { createPeerBehind, peerOfFields, peerOfRequest } from './forwarded.ts';
export { listen, type Listener, type ListenOptions, type OpenStream } from './listen.ts';
export { checkCertificates, notAfterOf } from './tls.ts';
