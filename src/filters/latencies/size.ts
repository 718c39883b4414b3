/** How large a unary call's request message is, before all of it is there. */
import { uint32At } from '../../base/bytes.ts';
import { type Call, prefixBytes } from '../../call/index.ts';

/** Its length as the prefix says, in bytes; what has arrived of it as long as that is unknown. */
export function messageBytes({ request }: Call): number {
  const first = request.begins;
  if (first === undefined || first.length < prefixBytes) return request.bytes;
  return uint32At(first, 1);
}
