/** The room's front door: what every other room may use of it. */
export { methodOf, methods } from './methods.ts';
export { specOf, targetOf } from './target.ts';
export {
  type ModelState,
  type ModelView,
  stateName,
  stateNumber,
  type VersionState,
  type VersionStateName,
} from './view.ts';
