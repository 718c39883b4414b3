/** The states of a gRPC call at the server (docs/states.md), in the order in which it goes through them. */
export type GrpcCallState =
  'awaiting target' | 'inflating' | 'dispatched' | 'replying' | 'draining' | 'closed';
