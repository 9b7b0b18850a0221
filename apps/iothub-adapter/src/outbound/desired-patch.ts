import type { JsonObject, JsonValue } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import { isObject } from '../events/reported-requests.js';

/**
 * What has to be merged into `current` for it to be `wanted`, null for what is to go; undefined: it is that already. A twin
 * knows no other way to replace a part of itself and leave the rest, which is of others.
 */
export const desiredPatch = (current: JsonValue | undefined, wanted: JsonObject): JsonObject | undefined => {
  const before = isObject(current) ? current : {};
  const patch: JsonObject = {};
  for (const key of Object.keys(before)) if (!Object.hasOwn(wanted, key)) patch[key] = null;
  for (const [key, value] of Object.entries(wanted)) {
    const old = before[key];
    const change = isObject(value) && isObject(old) ? desiredPatch(old, value) : changed(old, value);
    if (change !== undefined) patch[key] = change;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
};

const changed = (old: JsonValue | undefined, value: JsonValue): JsonValue | undefined =>
  old !== undefined && sameJson(old, value) ? undefined : value;
