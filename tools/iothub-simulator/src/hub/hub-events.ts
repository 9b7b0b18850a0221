import type { HubEvent } from './event-log.js';
import { hubTime, isJsonObject, type Json, type JsonObject } from './json.js';
import type { Metadata, SectionName, TwinSection } from './twin-section.js';

/** A source of routes, as Azure names it. */
export type RouteSource =
  'DeviceMessages' | 'TwinChangeEvents' | 'DeviceLifecycleEvents' | 'DeviceConnectionStateEvents';

export const ROUTE_SOURCES: readonly RouteSource[] = [
  'DeviceMessages',
  'TwinChangeEvents',
  'DeviceLifecycleEvents',
  'DeviceConnectionStateEvents',
];

/** What the hub says of itself: the application property `opType`. */
export type OpType =
  | 'updateTwin'
  | 'replaceTwin'
  | 'createDeviceIdentity'
  | 'deleteDeviceIdentity'
  | 'deviceConnected'
  | 'deviceDisconnected';

const SCHEMAS: Readonly<Record<Exclude<RouteSource, 'DeviceMessages'>, [source: string, schema: string]>> = {
  TwinChangeEvents: ['twinChangeEvents', 'twinChangeNotification'],
  DeviceLifecycleEvents: ['deviceLifecycleEvents', 'deviceLifecycleNotification'],
  DeviceConnectionStateEvents: ['deviceConnectionStateEvents', 'deviceConnectionStateNotification'],
};

/** An event that the hub makes itself. */
export const notification = (
  source: Exclude<RouteSource, 'DeviceMessages'>,
  opType: OpType,
  deviceId: string,
  hubName: string,
  body: JsonObject,
  now: number,
): HubEvent => {
  const [messageSource, schema] = SCHEMAS[source];
  return {
    body: Buffer.from(JSON.stringify(body)),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    properties: {
      hubName,
      deviceId,
      operationTimestamp: hubTime(now),
      'iothub-message-schema': schema,
      opType,
    },
    annotations: {
      'iothub-connection-device-id': deviceId,
      'iothub-enqueuedtime': new Date(now),
      'iothub-message-source': messageSource,
    },
  };
};

/** What of a twin was changed. Null stands for what was removed. */
export interface TwinChange {
  readonly tags?: JsonObject;
  readonly desired?: JsonObject;
  readonly reported?: JsonObject;
}

/** Body of a twin change event: the changed values, their metadata, and the version of each section. */
export const twinChangeBody = (
  change: TwinChange,
  twin: Readonly<Record<SectionName, TwinSection>> & { readonly version: number },
): JsonObject => {
  const properties = Object.fromEntries(
    (['desired', 'reported'] as const).flatMap((name) => {
      const values = change[name];
      return values === undefined ? [] : [[name, changedSection(values, twin[name])]];
    }),
  );
  return {
    version: twin.version,
    ...(change.tags === undefined ? {} : { tags: change.tags }),
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
  };
};

/** The second change upon the first, as one. Unlike a merge into a twin it keeps nulls. */
export const bothChanges = (first: TwinChange, second: TwinChange): TwinChange =>
  Object.fromEntries(
    (['tags', 'desired', 'reported'] as const).flatMap((name) => {
      const [one, other] = [first[name], second[name]];
      if (one === undefined && other === undefined) return [];
      return [[name, bothPatches(one ?? {}, other ?? {})]];
    }),
  );

const bothPatches = (first: JsonObject, second: JsonObject): JsonObject => {
  const both: Record<string, Json> = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const old = both[key];
    both[key] = isJsonObject(value) && isJsonObject(old) ? bothPatches(old, value) : value;
  }
  return both;
};

const changedSection = (values: JsonObject, { metadata, version }: TwinSection): JsonObject => ({
  ...values,
  $metadata: metadataOf(values, metadata),
  $version: version,
});

const metadataOf = (values: JsonObject, metadata: Metadata): JsonObject => {
  const picked: Record<string, Json> = {};
  for (const [key, value] of Object.entries(metadata)) {
    const changed = values[key];
    if (key.startsWith('$')) picked[key] = value;
    else if (typeof value === 'object' && changed !== undefined) {
      picked[key] = isJsonObject(changed) ? metadataOf(changed, value) : value;
    }
  }
  return picked;
};
