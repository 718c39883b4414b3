/** HTTP that means something here: the exchange that JSON APIs answer on, whatever protocol it came by. */
export { createHttpDoor, type HttpAnswer, type HttpApi, type HttpDoor } from './door.ts';
export { serveNodeRequest } from './node-stream.ts';
