/** What an operator may say, with every default and its reason; the documentation and the checks are made from it. */
import Type from 'typebox';
import { cors, grpc, http2, inputs, outputs, rest } from './apis.ts';
import { cache, deadlines, hedge, queue, rateLimits, retry, sequences, sharedLimits } from './calls.ts';
import { doors } from './doors.ts';
import { fleet } from './fleet.ts';
import { text } from './kinds.ts';
import { limits } from './limits.ts';
import { model } from './model.ts';
import { probing, shutdown, telemetry } from './operation.ts';
import { proxy } from './proxy.ts';

export const configSchema = Type.Object(
  {
    doors,
    fleets: Type.Record(Type.String(), fleet, {
      default: {},
      description: 'Fleets by name. `--backend` on the command line makes one named default.',
    }),
    defaultFleet: text('default', 'The fleet of models that are not named in `models`.'),
    models: Type.Record(Type.String(), model, {
      default: {},
      description: 'Models by name; others that a backend has are served all the same.',
    }),
    deadlines,
    retry,
    hedge,
    queue,
    rateLimits,
    sharedLimits,
    cache,
    sequences,
    probing,
    rest,
    grpc,
    inputs,
    outputs,
    proxy,
    cors,
    http2,
    limits,
    telemetry,
    shutdown,
    workers: Type.Union([Type.Integer({ minimum: 1, maximum: 256 }), Type.Literal('auto')], {
      default: 1,
      description: 'Processes that share the ports; auto is one for each core.',
    }),
  },
  { additionalProperties: false, description: 'Configuration of the gateway.' },
);

export type Config = Type.Static<typeof configSchema>;
