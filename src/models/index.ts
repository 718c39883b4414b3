/** What a call means: methods, targets, signatures, and what is known of models right now. */
export { Catalog, type CatalogOptions } from './catalog.ts';
export { extensionsOfAll } from './extensions.ts';
export { backendField, wideFields } from './fleet-wide-fields.ts';
export {
  extensionMethods,
  generateMethods,
  isExtension,
  isGenerate,
  isInformation,
  jsonLengthHeader,
  methodOf,
  methods,
  otherApiNow,
  purposeOf,
  restInferMethod,
} from './methods.ts';
export { inProtocol } from './missing.ts';
export { listedVersion, versionOf } from './repository.ts';
export { createRouter, type Destination, type NameRoute, type Router, type RouterContext } from './router.ts';
export { signatureSource } from './signatures.ts';
export { isSpecOf, specOf, statedVersion, targetOf } from './target.ts';
export { declaresNothing, isV1, v1Methods, type V1Verb } from './v1.ts';
export { onlyVersion, VersionNames } from './version-names.ts';
export {
  type ModelState,
  type ModelView,
  stateName,
  stateNumber,
  type VersionState,
  type VersionStateName,
} from './view.ts';
