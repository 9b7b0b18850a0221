import { AppError, type JsonObject, type JsonValue } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { ExistingDevice } from '../device/device-state.js';
import type { DeviceMetadataChanged } from '../device/device.events.js';
import { isPlatformKey, isWritable, refuseRestricted, type MetadataRules } from './metadata-access.js';
import { refuseBadMetadata } from './metadata-rules.js';

/** By an operator: null removes. */
export interface ChangeMetadata {
  readonly type: 'ChangeMetadata';
  readonly patch: Readonly<Record<string, JsonValue>>;
}

export interface DeleteMetadataKey {
  readonly type: 'DeleteMetadataKey';
  readonly key: string;
}

/** By the device; `full` also removes what `values` does not name. */
export interface UpdateMetadata {
  readonly type: 'UpdateMetadata';
  readonly mode: 'full' | 'partial';
  readonly values: JsonObject;
  readonly rules: MetadataRules;
}

/** By the device. */
export interface DeleteMetadata {
  readonly type: 'DeleteMetadata';
  readonly keys: readonly string[];
  readonly rules: MetadataRules;
}

// Objects are made by entries throughout, so that `__proto__` is a key like any other.

/** What a device is provisioned with: null is no value. Throws `invalid-request`. */
export const firstMetadata = (metadata: JsonObject): JsonObject => {
  refuseBadMetadata('device.metadata', metadata);
  return merged({}, metadata);
};

export const changeMetadata = (
  { patch }: Pick<ChangeMetadata, 'patch'>,
  { metadata }: ExistingDevice,
): readonly DeviceMetadataChanged[] => {
  // Also when nothing changes: a key that could never be set must not look as if it had been removed.
  refuseBadMetadata('patch', Object.fromEntries(Object.entries(patch).filter(([, value]) => value === null)));
  return changesBetween('patch', metadata, merged(metadata, patch));
};

export const deleteMetadataKey = (
  { key }: DeleteMetadataKey,
  device: ExistingDevice,
): readonly DeviceMetadataChanged[] => {
  if (!Object.hasOwn(device.metadata, key)) {
    throw new AppError('metadata-key-not-found', `The device has no metadata key "${key}".`);
  }
  return changeMetadata({ patch: { [key]: null } }, device);
};

/** As devices write (10/EPMP): null is a value. Throws `metadata-key-restricted`, `invalid-request`. */
export const updateMetadata = (
  { mode, values, rules }: UpdateMetadata,
  { metadata }: ExistingDevice,
): readonly DeviceMetadataChanged[] => {
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
  return changesBetween('values', metadata, Object.fromEntries([...staying, ...own]));
};

/** Throws `metadata-key-restricted`. */
export const deleteMetadata = (
  { keys, rules }: DeleteMetadata,
  { metadata }: ExistingDevice,
): readonly DeviceMetadataChanged[] => {
  refuseRestricted('keys', keys, 'write', (key) => isWritable(rules, key));
  const staying = Object.entries(metadata).filter(([key]) => !keys.includes(key));
  return changesBetween('keys', metadata, Object.fromEntries(staying));
};

export const withMetadata = (
  device: ExistingDevice,
  { changes }: DeviceMetadataChanged['data'],
): ExistingDevice => {
  const after = new Map(Object.entries(device.metadata));
  for (const [key, { to }] of Object.entries(changes)) {
    if (to === undefined) after.delete(key);
    else after.set(key, to);
  }
  return { ...device, metadata: Object.fromEntries(after) };
};

/** RFC 7396 on the top level, as operators write: null removes. */
const merged = (metadata: JsonObject, patch: JsonObject): JsonObject =>
  Object.fromEntries(
    [...new Map([...Object.entries(metadata), ...Object.entries(patch)])].filter(
      ([key]) => !Object.hasOwn(patch, key) || patch[key] !== null,
    ),
  );

/** What makes `after` of `before`; nothing when they are the same. Throws `invalid-request` for an `after` against the rules. */
const changesBetween = (
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

const ownValue = (object: JsonObject, key: string): JsonValue | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;
