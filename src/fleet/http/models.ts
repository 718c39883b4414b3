/** The list of models that a generative backend gives, as OpenAI's API has it. */
import type { ListedModel } from '../../call/index.ts';
import { parseControlJson } from '../../codec/index.ts';

/** Entries beyond this are left out: the list is shown with every other model of the gateway. */
const maxModels = 1000;
const maxNameLength = 512;

interface Entry {
  readonly id?: unknown;
  readonly created?: unknown;
  readonly owned_by?: unknown;
}

/** What can be made out of a reply body; a text that is no such list has no models. */
export function listedModels(json: Uint8Array): ListedModel[] {
  let data: unknown;
  try {
    data = (parseControlJson(json) as { data?: unknown } | null)?.data;
  } catch {
    return [];
  }
  if (!Array.isArray(data)) return [];
  return (data as (Entry | null)[]).slice(0, maxModels).flatMap((entry) => {
    const { id, created, owned_by: owner } = entry ?? {};
    if (typeof id !== 'string' || id === '' || id.length > maxNameLength) return [];
    return [
      {
        id,
        object: 'model' as const,
        created: typeof created === 'number' ? created : 0,
        owned_by: typeof owner === 'string' ? owner.slice(0, maxNameLength) : '',
      },
    ];
  });
}
