import { AppError, type JsonObject, type JsonValue } from '@muster/contracts';
import { sameJson } from '../same-json.js';
import type { DeviceMetadataChanged } from '../device/device.events.js';
import { isPlatformKey, isWritable, refuseRestricted, type MetadataRules } from './metadata-access.js';
import { refuseBadMetadata } from './metadata-rules.js';

// Objects are made by entries throughout, so that `__proto__` is a key like any other.

/** RFC 7396 on the top level, as operators write: null removes. */
export const merged = (metadata: JsonObject, patch: JsonObject): JsonObject =>
  Object.fromEntries(
    [...new Map([...Object.entries(metadata), ...Object.entries(patch)])].filter(
      ([key]) => !Object.hasOwn(patch, key) || patch[key] !== null,
    ),
  );

/** As devices write (10/EPMP): null is a value. Throws `metadata-key-restricted`, `invalid-request`. */
export const updatedByDevice = (
  metadata: JsonObject,
  mode: 'full' | 'partial',
  values: JsonObject,
  rules: MetadataRules,
): JsonObject => {
  if (Object.keys(values).length === 0) {
    // Not a rule of the contract: class-validator's calls `values.hasOwnProperty`, which is a lawful key.
    throw new AppError('invalid-request', 'The metadata is not acceptable: there must be at least one key.', {
      errors: [{ path: 'values', message: 'there must be at least one key' }],
    });
  }
  const own = Object.entries(values).filter(([key]) => !isPlatformKey(key));
  refuseRestricted(
    'values',
    own.map(([key]) => key),
    'write',
    (key) => isWritable(rules, key),
  );
  const staying = Object.entries(metadata).filter(([key]) => mode === 'partial' || !isWritable(rules, key));
  return Object.fromEntries([...staying, ...own]);
};

/** Throws `metadata-key-restricted`. */
export const deletedByDevice = (
  metadata: JsonObject,
  keys: readonly string[],
  rules: MetadataRules,
): JsonObject => {
  refuseRestricted('keys', keys, 'write', (key) => isWritable(rules, key));
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !keys.includes(key)));
};

/** What makes `after` of `before`; nothing when they are the same. Throws `invalid-request` for an `after` against the rules. */
export const metadataChanges = (
  path: string,
  before: JsonObject,
  after: JsonObject,
): readonly DeviceMetadataChanged[] => {
  const changes = [...new Set([...Object.keys(before), ...Object.keys(after)])].flatMap((key) => {
    const [from, to] = [ownValue(before, key), ownValue(after, key)];
    const change = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
    return sameJson(from, to) ? [] : [[key, change] as const];
  });
  if (changes.length === 0) return [];
  refuseBadMetadata(path, after);
  return [{ type: 'DeviceMetadataChanged', data: { changes: Object.fromEntries(changes) } }];
};

/** The metadata after the event. */
export const withChanges = (
  metadata: JsonObject,
  changes: DeviceMetadataChanged['data']['changes'],
): JsonObject => {
  const after = new Map(Object.entries(metadata));
  for (const [key, { to }] of Object.entries(changes)) {
    if (to === undefined) after.delete(key);
    else after.set(key, to);
  }
  return Object.fromEntries(after);
};

const ownValue = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;
