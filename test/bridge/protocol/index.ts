/** The whole table. */
import { extensions } from './extensions.ts';
import { inference } from './inference.ts';
import type { Group } from './rows.ts';
import { operations } from './operations.ts';
import { service } from './service.ts';
import { streams } from './streams.ts';

export const protocol: readonly Group[] = [
  ...service,
  ...inference,
  ...extensions,
  ...streams,
  ...operations,
];
