/** The header fields of calls that every backend of a fleet is asked, and of their answers. */

/** Of an answer: all that were asked, those of them that failed and why, and where configurations differ. */
export const wideFields = {
  asked: 'x-backends-asked',
  failed: 'x-backends-failed',
  differs: 'x-config-differs',
} as const;
/** Of a call: the backend that is meant, by its name. */
export const backendField = 'x-tensorgate-backend';
