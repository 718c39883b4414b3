/** Tells what reloads have come to: in the metrics, and each refusal once in the log. */
import type { Log } from '../base/log.ts';
import type { Telemetry } from '../telemetry/index.ts';
import type { Reloads, ReloadStatus } from './workers/index.ts';

/** @param log of all workers together */
export function tellReloads(
  reloads: Pick<Reloads, 'status' | 'onChange'>,
  telemetry: Pick<Telemetry, 'reloads'>,
  log: Log,
): void {
  let told = reloads.status.refused;
  // a worker that starts knows what the others have said before; while all of them start nobody has said anything
  if (told !== undefined && told.at > Date.now() - process.uptime() * 1000) told = undefined;
  const tell = ({ acceptedAt, refused }: ReloadStatus): void => {
    telemetry.reloads(acceptedAt / 1000, refused === undefined);
    const isNew = refused?.at !== told?.at || refused?.message !== told?.message;
    told = refused;
    if (refused === undefined || !isNew) return;
    const mistakes = refused.message.split('\n');
    const more = mistakes.length > 1 ? ` (and ${mistakes.length - 1} more)` : '';
    log.error(
      { mistakes },
      `the new configuration is refused, the one in force stays: ${mistakes[0] ?? ''}${more}`,
    );
  };
  tell(reloads.status);
  reloads.onChange(tell);
}
