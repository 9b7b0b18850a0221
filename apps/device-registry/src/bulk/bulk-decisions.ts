import { AppError, MAX_TAGS, type JsonObject } from '@muster/contracts';

/** `set` replaces all tags; otherwise `remove` is taken away and `add` is put behind what there is. */
export type TagChange =
  | { readonly set: readonly string[] }
  | { readonly add: readonly string[]; readonly remove: readonly string[] };

/** The same change of many devices, whatever each has; absent fields stay. */
export interface ChangeInBulk {
  readonly type: 'ChangeInBulk';
  readonly tags?: TagChange;
  readonly folder?: string;
  /** Null removes a key. */
  readonly metadata?: JsonObject;
}

/** Throws `invalid-request` when they would become too many. */
export const tagsAfter = (change: TagChange, before: readonly string[]): readonly string[] => {
  if ('set' in change) return change.set;
  const kept = before.filter((tag) => !change.remove.includes(tag));
  const after = [...kept, ...change.add.filter((tag) => !kept.includes(tag))];
  if (after.length <= MAX_TAGS) return after;
  const message = `the device would have ${after.length} tags, and at most ${MAX_TAGS} are possible`;
  throw new AppError('invalid-request', `tags: ${message}.`, { errors: [{ path: 'tags', message }] });
};
