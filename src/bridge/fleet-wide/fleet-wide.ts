/**
 * Calls that are about servers and not about one inference: every backend of a fleet is asked, and their answers
 * become one.
 */
import { Code, StatusError } from '../../base/status.ts';
import type { Handler } from '../../call/index.ts';
import type { FleetWideDeps, WideAnswer } from './asking.ts';
import { reloadConfig, repositoryChange, settings, sharedMemory } from './changes.ts';
import { configuration, statistics } from './reads.ts';

/** Answers the calls of methods that are `fleetWide`. */
export function fleetWide(deps: FleetWideDeps): Handler {
  const answers: ReadonlyMap<string, WideAnswer> = new Map<string, WideAnswer>([
    ['ModelStatistics', statistics],
    ['ModelConfig', configuration()],
    ['RepositoryModelLoad', repositoryChange],
    ['RepositoryModelUnload', repositoryChange],
    ['HandleReloadConfigRequest', reloadConfig],
    ['TraceSetting', settings('trace')],
    ['LogSettings', settings('logging')],
    ...['System', 'Cuda'].flatMap((memory) =>
      ['Status', 'Register', 'Unregister'].map(
        (what) => [`${memory}SharedMemory${what}`, sharedMemory] as const,
      ),
    ),
  ]);
  return (call) => {
    const answer = answers.get(call.method.name);
    if (answer !== undefined) return answer(call, deps);
    const text = `${call.method.name} is not asked of all backends`;
    return Promise.reject(new StatusError(Code.UNIMPLEMENTED, text));
  };
}
