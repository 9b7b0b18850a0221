import { hubTime, isJsonObject, type Json, type JsonObject } from './json.js';

/** The desired or the reported properties of a twin: values, when each was set last, and how often anything was. */
export interface TwinSection {
  readonly values: JsonObject;
  readonly metadata: Metadata;
  readonly version: number;
}

/** A tree beside the values. `$lastUpdatedVersion` is kept for desired properties only. */
export interface Metadata {
  readonly [key: string]: string | number | Metadata;
}

export type SectionName = 'desired' | 'reported';

export const emptySection = (name: SectionName, now: number): TwinSection => ({
  values: {},
  metadata: stamp(name, now, 1),
  version: 1,
});

/** RFC 7396: objects are merged, null removes, all else replaces. Each call is a new version, also when nothing differs. */
export const mergeSection = (
  name: SectionName,
  section: TwinSection,
  patch: JsonObject,
  now: number,
): TwinSection => {
  const version = section.version + 1;
  const at = stamp(name, now, version);
  const [values, metadata] = mergeObject(section.values, section.metadata, patch, at);
  return { values, metadata, version };
};

export const replaceSection = (
  name: SectionName,
  section: TwinSection,
  values: JsonObject,
  now: number,
): TwinSection => mergeSection(name, { ...section, values: {}, metadata: {} }, values, now);

/** As it stands in a twin. */
export const sectionJson = ({ values, metadata, version }: TwinSection): JsonObject => ({
  ...values,
  $metadata: metadata,
  $version: version,
});

export const mergeJson = (target: JsonObject, patch: JsonObject): JsonObject => {
  const merged: Record<string, Json> = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(merged, key);
    else if (isJsonObject(value)) {
      const old = merged[key];
      merged[key] = mergeJson(isJsonObject(old) ? old : {}, value);
    } else merged[key] = value;
  }
  return merged;
};

const stamp = (name: SectionName, now: number, version: number): Metadata => ({
  $lastUpdated: hubTime(now),
  ...(name === 'desired' ? { $lastUpdatedVersion: version } : {}),
});

const mergeObject = (
  target: JsonObject,
  metadata: Metadata,
  patch: JsonObject,
  at: Metadata,
): [JsonObject, Metadata] => {
  const values: Record<string, Json> = { ...target };
  const stamps: Record<string, string | number | Metadata> = { ...metadata, ...at };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) {
      Reflect.deleteProperty(values, key);
      Reflect.deleteProperty(stamps, key);
    } else if (isJsonObject(value)) {
      const old = values[key];
      const oldStamps = stamps[key];
      [values[key], stamps[key]] = mergeObject(
        isJsonObject(old) ? old : {},
        isJsonObject(old) && typeof oldStamps === 'object' ? oldStamps : {},
        value,
        at,
      );
    } else {
      values[key] = value;
      stamps[key] = at;
    }
  }
  return [values, stamps];
};
