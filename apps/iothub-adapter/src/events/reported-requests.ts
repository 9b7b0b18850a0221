import type { JsonObject, JsonValue } from '@muster/contracts';
import { keyOfTwin, mapObject } from '@muster/contracts/iothub-adapter/twin-keys';

/** What of twins is the platform's, in what is desired and in what is reported. */
export const NAMESPACE = 'muster';

/** A request of the device API that says the same as a change of reported properties. */
export interface DeviceReport {
  readonly extension: string;
  readonly path: readonly string[];
  readonly body: JsonObject;
}

/** Properties of which the change says only a part, so that the whole has to be read: what is nested is merged by a twin. */
export const partlyTold = (patch: JsonObject): readonly string[] =>
  Object.entries(patch).flatMap(([key, value]) => (isObject(value) ? [key] : []));

/**
 * What a device says by its reported properties, each whole or null: how it is, and in `muster` what became of what it was told,
 * `{configuration: {configId, statusCode?, reasonPhrase?}, software: {…}, softwareOf: {<name>: {…}}}`.
 */
export const reportsOf = ({ [NAMESPACE]: ours, ...state }: JsonObject): readonly DeviceReport[] => {
  const reports: DeviceReport[] = [];
  if (Object.keys(state).length > 0) {
    reports.push({ extension: 'cmx', path: ['state', 'json'], body: mapObject(state, keyOfTwin) });
  }
  if (!isObject(ours)) return reports;
  const applied = (extension: string, body: JsonValue | undefined, name: readonly string[] = []): void => {
    if (isObject(body)) reports.push({ extension, path: ['applied', 'json', ...name], body });
  };
  applied('cmx', ours['configuration']);
  applied('cmx_ota', ours['software']);
  for (const [name, body] of Object.entries(isObject(ours['softwareOf']) ? ours['softwareOf'] : {})) {
    applied('cmx_ota', body, [name]);
  }
  return reports;
};

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of a section of a twin: without what the hub itself has written there, `$metadata` and `$version`. */
export const withoutMetadata = (section: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(section).filter(([key]) => !key.startsWith('$')));
