/** The version that an infer reply of V2 says, when the rest of it is nobody's business. */
import { readRoot, skip } from '../body.ts';
import { Text } from '../text.ts';
import { isNull, readText } from './values.ts';

/**
 * @param json up to the end of the body's JSON
 * @returns empty where none stands before the outputs, as servers write it
 */
export function versionIn(json: Uint8Array, maxDepth: number): string {
  const text = new Text(maxDepth, json);
  let version = '';
  const reading = readRoot(text, function* (name) {
    if (name === 'model_version' && !(yield* isNull(text))) version = yield* readText(text, name);
    // and is not resumed: the tensors stay unread
    if (name === 'model_version' || name === 'outputs') yield;
    else yield* skip(text);
  });
  try {
    reading.next();
  } catch {
    // what it is, its client judges
  }
  return version;
}
