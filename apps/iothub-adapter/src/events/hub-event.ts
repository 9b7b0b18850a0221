import type { ReceivedEventData } from '@azure/event-hubs';
import type { JsonObject, JsonValue } from '@muster/contracts';
import { HUB_ROUTES } from '@muster/contracts/iothub-adapter/hubs.requests';
import type { DesiredChange } from '../twin/left-twins.js';
import { isObject, withoutMetadata } from './reported-requests.js';

/** What a hub tells of one of its devices. */
export type HubEvent = {
  /** As the hub has found out who it is: a device can write none of that itself. */
  readonly hubDeviceId: string;
  /** When the hub had it, Unix microseconds; the same each time that the event is read, and another for each event of a millisecond. */
  readonly arrivedAt: number;
} & (
  | { readonly kind: 'message'; readonly payload: Buffer; readonly resource: string }
  /** Changed properties that the device reported; null: removed. And what was changed of the desired ones, if anything was. */
  | { readonly kind: 'reported'; readonly patch: JsonObject; readonly desired?: DesiredChange }
  | { readonly kind: 'created' }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'connection'; readonly connected: boolean; readonly sequence: string }
  /** Nothing that anybody here has to know. */
  | { readonly kind: 'nothing' }
);

/** What a device writes with a message to say what it is; absent: telemetry. */
export const RESOURCE_PROPERTY = 'muster-resource';
const TELEMETRY = 'dcx/json';

type Received = Pick<
  ReceivedEventData,
  'body' | 'properties' | 'systemProperties' | 'sequenceNumber' | 'enqueuedTimeUtc'
>;

/** Reads an event of the built-in endpoint. Throws with words for one that cannot be a hub's. */
export const readHubEvent = (event: Received): HubEvent => {
  const { systemProperties: system = {}, properties = {}, sequenceNumber } = event;
  const source = text(system['iothub-message-source']) ?? 'Telemetry';
  const isDevices = source.toLowerCase() === 'telemetry';
  // Events of the hub itself carry the id among the properties, which the hub alone has written there.
  const hubDeviceId =
    text(system['iothub-connection-device-id']) ?? (isDevices ? undefined : text(properties['deviceId']));
  if (hubDeviceId === undefined) throw new Error(`an event of source ${source} names no device`);
  const enqueued = timeOf(system['iothub-enqueuedtime']) ?? event.enqueuedTimeUtc.getTime();
  const of = { hubDeviceId, arrivedAt: enqueued * 1_000 + (sequenceNumber % 1_000) };
  switch (source.toLowerCase()) {
    case 'telemetry': {
      // A last will says that a connection ended, of which the hub tells by itself.
      if (properties['iothub-MessageType'] === 'Will') return { ...of, kind: 'nothing' };
      const resource = text(properties[RESOURCE_PROPERTY]) ?? TELEMETRY;
      return { ...of, kind: 'message', payload: bytesOf(event.body), resource };
    }
    case 'twinchangeevents': {
      const { properties: told = {} } = objectOf(event.body) as {
        properties?: { reported?: JsonValue; desired?: JsonValue };
      };
      const patch = reportedOf(told.reported);
      const at = new Date(enqueued).toISOString();
      const desired = desiredOf(told.desired, properties['opType'] === 'replaceTwin', at);
      if (patch === undefined && desired === undefined) return { ...of, kind: 'nothing' };
      return { ...of, kind: 'reported', patch: patch ?? {}, ...(desired === undefined ? {} : { desired }) };
    }
    case 'devicelifecycleevents':
      return { ...of, kind: LIFECYCLE[text(properties['opType']) ?? ''] ?? 'nothing' };
    case 'deviceconnectionstateevents': {
      const sequence = text(objectOf(event.body)['sequenceNumber']);
      if (sequence === undefined) throw new Error('an event of a connection has no sequenceNumber');
      return { ...of, kind: 'connection', connected: properties['opType'] === 'deviceConnected', sequence };
    }
    default:
      return { ...of, kind: 'nothing' };
  }
};

const LIFECYCLE: Readonly<Record<string, 'created' | 'deleted'>> = {
  createDeviceIdentity: 'created',
  deleteDeviceIdentity: 'deleted',
};

/** By which of the hub's routes it came; undefined: by none that we know. */
export const routeOf = ({ systemProperties: system = {} }: Pick<Received, 'systemProperties'>) => {
  const source = text(system['iothub-message-source'])?.toLowerCase() ?? 'telemetry';
  return source === 'telemetry' ? 'DeviceMessages' : HUB_ROUTES.find((one) => one.toLowerCase() === source);
};

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** The client of Event Hubs makes numbers of times. */
const timeOf = (value: unknown): number | undefined => {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'number') return value;
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
};

const bytesOf = (body: unknown): Buffer => {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? null));
};

const objectOf = (body: unknown): JsonObject => {
  const value: unknown = JSON.parse(bytesOf(body).toString('utf8'));
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject; // parsed
  throw new Error('the body of an event of a hub is no object');
};

/** Undefined: nothing of it was changed. */
const desiredOf = (desired: JsonValue | undefined, whole: boolean, at: string): DesiredChange | undefined => {
  if (!isObject(desired) || typeof desired['$version'] !== 'number') return undefined;
  return { keys: Object.keys(withoutMetadata(desired)), whole, version: desired['$version'], at };
};

/** Undefined: nothing was reported. */
const reportedOf = (reported: JsonValue | undefined): JsonObject | undefined => {
  const patch = isObject(reported) ? withoutMetadata(reported) : {};
  return Object.keys(patch).length === 0 ? undefined : patch;
};
