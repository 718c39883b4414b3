/**
 * What must never be shown: passwords, tokens, keys. One function hides them in any text (logs, errors, pages, stack
 * traces), by their form where they have one, and by their value where the configuration named it.
 */

const secretName =
  /passw|pwd|secret|token|credential|authorization|[-_]auth(?![a-z])|cookie|(?:api|access|private|account|signing|session)[_-]?key|signature/i;
/** "tokenFile" and "secretPath" say where a secret is, which an operator must be able to read. */
const placeName = /(?:file|path|dir)s?$/i;

/** Whether what has this name (a setting, a header, a query parameter, a variable) is a secret. */
export function isSecretName(name: string): boolean {
  return secretName.test(name) && !placeName.test(name);
}

const hidden = '***';

const endOfUrl = /[\s"'`<>]/g;
/** A whole text that is a URL may have anything in its password. */
const urlWithUser = /^(\s*[a-z][a-z0-9+.-]*:\/\/)[^]*@/i;
const parameter = /([?&;])([^=&?#\s"]{1,100})=([^&#;\s"'`<>]+)/g;
/** The credentials of an Authorization field (RFC 9110 §11.4), and not the words behind "basic" in a sentence. */
const scheme = /\b(bearer|basic)(\s+)(?=[a-z+/]*[0-9._~=-])[a-z0-9._~+/=-]{6,}/gi;

/**
 * Shorter ones would be found in words that are none; where they stand in a URL, its form hides them. In characters.
 */
const minLength = 6;
/** More are no configuration's. */
const maxKnown = 10_000;

/**
 * Values that a configuration of this process has had: what an old one named stays hidden, since a late error may
 * have it.
 */
let known: readonly string[] = [];
const all = new Set<string>();

function formsOf(value: string): string[] {
  const forms = [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), encodeURI(value)];
  try {
    forms.push(decodeURIComponent(value));
  } catch {
    // a lone % stands for itself
  }
  return forms;
}

/** From now on this value is hidden wherever it appears. */
export function learnSecret(value: string): void {
  const text = value.trim();
  if (text.length < minLength || all.has(text) || all.size > maxKnown) return;
  for (const form of formsOf(text)) all.add(form);
  // the longest first: one may be a part of another
  known = [...all].sort((a, b) => b.length - a.length);
}

/** The secrets of a text that is a setting's value: its password and parameters when it is a URL. */
export function learnSecretsOf(url: string): void {
  const user = /^\s*[a-z][a-z0-9+.-]*:\/\/([^]*)@/i.exec(url)?.[1];
  // without a password the user is a token
  if (user !== undefined) learnSecret(user.slice(user.indexOf(':') + 1));
  for (const [, , name = '', value = ''] of url.matchAll(parameter))
    if (isSecretName(name)) learnSecret(value);
}

/**
 * Up to the last @ of a run without spaces and quotes: a password may have one, and a slash too, when nobody encoded
 * it.
 */
function withoutUsers(text: string): string {
  let shown = '';
  let done = 0;
  for (let mark = text.indexOf('://'); mark !== -1; mark = text.indexOf('://', done)) {
    endOfUrl.lastIndex = mark;
    const end = endOfUrl.exec(text)?.index ?? text.length;
    const rest = text.slice(mark + 3, end);
    const at = rest.lastIndexOf('@');
    shown += text.slice(done, mark + 3) + (at === -1 ? rest : hidden + rest.slice(at));
    done = end;
  }
  return shown + text.slice(done);
}

const withoutParameters = (text: string): string =>
  text.replace(parameter, (all, mark: string, name: string) =>
    isSecretName(name) ? `${mark}${name}=${hidden}` : all,
  );

/**
 * A text as it may be shown: users and passwords of URLs, parameters and headers that are secrets, and all known
 * values are ***.
 */
export function hideSecrets(text: string): string {
  let shown = text;
  // before users: a value may have an @
  if (shown.includes('=')) shown = withoutParameters(shown);
  if (shown.includes('@')) shown = withoutUsers(shown);
  shown = shown.replace(scheme, `$1$2${hidden}`);
  for (const value of known) if (shown.includes(value)) shown = shown.replaceAll(value, hidden);
  return shown;
}

/** The same for a setting's whole value, which may be a URL with anything in its password. */
export function hideSecretsOf(value: string): string {
  return hideSecrets(withoutParameters(value).replace(urlWithUser, `$1${hidden}@`));
}
