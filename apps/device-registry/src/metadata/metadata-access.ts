import { AppError, type JsonObject } from '@muster/contracts';
import type { DeviceTypeSettings } from '@muster/contracts/device-registry/device-types.requests';

/** What the device's type says of its metadata keys. */
export type MetadataRules = Pick<DeviceTypeSettings, 'metadataKeys' | 'undeclaredMetadataKeys'>;

/** Written by the platform alone, whatever a type says (device-api, epmx). Devices may read them, and send them back. */
const PLATFORM_KEYS: ReadonlySet<string> = new Set(['connected', 'connectivity_ts']);

export const isPlatformKey = (key: string): boolean => PLATFORM_KEYS.has(key);

export const isReadable = (rules: MetadataRules, key: string): boolean =>
  ruleOf(rules, key)?.readable ?? true;

export const isWritable = (rules: MetadataRules, key: string): boolean =>
  !isPlatformKey(key) && (ruleOf(rules, key)?.writable ?? true);

/** Throws `metadata-key-restricted` naming every one of `keys` that is not allowed. */
export const refuseRestricted = (
  path: string,
  keys: readonly string[],
  verb: 'read' | 'write',
  isAllowed: (key: string) => boolean,
): void => {
  const restricted = keys.filter((key) => !isAllowed(key));
  if (restricted.length === 0) return;
  const named = restricted.slice(0, 20);
  throw new AppError('metadata-key-restricted', `The device may not ${verb} ${named.join(', ')}.`, {
    errors: named.map((key) => ({ path: `${path}.${key}`, message: `the device may not ${verb} it` })),
  });
};

/** What a device reads: the keys asked for that are there, or all it may see. Throws `metadata-key-restricted`. */
export const readableMetadata = (
  metadata: JsonObject,
  rules: MetadataRules,
  keys: readonly string[] | undefined,
): JsonObject => {
  // Also a key that is not there: otherwise the answer would tell whether it is.
  if (keys !== undefined) refuseRestricted('keys', keys, 'read', (key) => isReadable(rules, key));
  const wanted = keys === undefined ? undefined : new Set(keys);
  return Object.fromEntries(
    Object.entries(metadata).filter(([key]) => wanted?.has(key) ?? isReadable(rules, key)),
  );
};

const ruleOf = ({ metadataKeys, undeclaredMetadataKeys }: MetadataRules, key: string) =>
  metadataKeys && Object.hasOwn(metadataKeys, key) ? metadataKeys[key] : undeclaredMetadataKeys;
