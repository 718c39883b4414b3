/** What the gateway answers itself over gRPC: health, reflection, and what KServe V2 asks of a server. */
export { localServices } from './local-services.ts';
