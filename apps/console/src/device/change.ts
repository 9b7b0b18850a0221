import type { Schema } from '../api/client.js';
import { sameJson } from '../shared/same-json.js';
import type { Configuration } from './device.queries.js';

type JsonValue = Schema<'JsonValue'>;

/** One key of a device: another value of its own, or none, so that the default holds again. */
export type Change =
  | { readonly key: string; readonly kind: 'set'; readonly value: JsonValue }
  | { readonly key: string; readonly kind: 'withdraw' };

export type ChangeRequest =
  | { readonly method: 'PATCH'; readonly body: Record<string, JsonValue> }
  | { readonly method: 'PUT'; readonly body: Record<string, JsonValue> };

/**
 * How to ask for `change`. A patch merges objects member by member, so an object that lost a member would keep it: there all
 * own values are sent, which is safe only with the version they were read in.
 */
export const requestOf = (configuration: Configuration, change: Change): ChangeRequest =>
  requestUpon(ownValues(configuration), change);

/** The same over all values of one level: of a device, of a type's defaults. */
export const requestUpon = (own: Readonly<Record<string, JsonValue>>, change: Change): ChangeRequest => {
  if (change.kind === 'withdraw') return { method: 'PATCH', body: { [change.key]: null } };
  const { key, value } = change;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { method: 'PATCH', body: { [key]: value } };
  return { method: 'PUT', body: { ...own, [key]: value } };
};

/** What takes `change` back, once it was made upon `before`. */
export const undoOf = (before: Configuration, { key }: Change): Change => {
  const was = ownValues(before)[key];
  return was === undefined ? { key, kind: 'withdraw' } : { key, kind: 'set', value: was };
};

/** Whether a key still is what `change` made it. */
export const isInPlace = (configuration: Configuration, change: Change): boolean => {
  const own = ownValues(configuration)[change.key];
  return change.kind === 'withdraw' ? own === undefined : sameJson(own, change.value);
};

const ownValues = ({ keys }: Configuration): Record<string, JsonValue> =>
  Object.fromEntries(
    Object.entries(keys).flatMap(([key, { desired, origin }]) =>
      desired !== undefined && origin === 'device' ? [[key, desired]] : [],
    ),
  );

/** Keys whose desired value is another one now; what somebody changed between two looks. */
export const changedBetween = (before: Configuration, now: Configuration): readonly string[] =>
  [...new Set([...Object.keys(before.keys), ...Object.keys(now.keys)])].filter(
    (key) => JSON.stringify(before.keys[key]?.desired) !== JSON.stringify(now.keys[key]?.desired),
  );

/** What a key is at: the whole document's state, as far as this key has part in it. */
export const keyState = ({ syncState, keys }: Configuration, key: string): string => {
  const view = keys[key];
  if (view?.desired === undefined) return 'reported_only';
  if (view.inSync) return 'in_sync';
  return syncState === 'in_sync' ? 'differs' : syncState;
};

/** The value at once, before the platform has answered. */
export const withChange = (configuration: Configuration, change: Change): Configuration => {
  const { [change.key]: before, ...others } = configuration.keys;
  if (change.kind === 'withdraw') return { ...configuration, keys: others };
  return {
    ...configuration,
    syncState: 'pending',
    keys: {
      ...configuration.keys,
      [change.key]: { ...before, desired: change.value, origin: 'device', inSync: false },
    },
  };
};
