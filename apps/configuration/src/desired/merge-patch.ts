import type { JsonObject, JsonValue } from '@muster/contracts';

/**
 * RFC 7396: objects are merged member by member, null removes a member, anything else replaces. Members are only ever
 * looked up and written as own ones, so that a key named `constructor` or `__proto__` is data like any other.
 */
export const mergePatch = (target: JsonValue | undefined, patch: JsonValue): JsonValue => {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, mergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
};

const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
