import { etagOf, twinJson, type Device, type Twin } from './device.js';
import { HubError } from './hub-error.js';
import { bothChanges, twinChangeBody, type OpType, type TwinChange } from './hub-events.js';
import { isJsonObject, type JsonObject } from './json.js';
import { requireMatch } from './registry.js';
import { checkPatch, checkSize, type TwinLimits } from './twin-limits.js';
import { mergeJson, mergeSection, replaceSection, type TwinSection } from './twin-section.js';

export interface TwinsContext {
  now(): number;
  readonly limits: TwinLimits;
  /** 0: an event for each change. Else changes of one twin within so long become one event, as a busy hub does it. */
  readonly coalesceMs: number;
  /** Throws DeviceNotFound. */
  device(deviceId: string): Device;
  emit(opType: Extract<OpType, `${string}Twin`>, deviceId: string, body: JsonObject): void;
}

interface Waiting {
  readonly dueAt: number;
  readonly device: Device;
  readonly change: TwinChange;
}

/** Reading and writing twins, from both ends. */
export class Twins {
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly context: TwinsContext) {}

  get(deviceId: string): JsonObject {
    return twinJson(this.context.device(deviceId));
  }

  /** PATCH from a service: desired properties and tags are merged. Reported properties are the device's alone. */
  patch(deviceId: string, body: unknown, ifMatch = '*'): JsonObject {
    const device = this.context.device(deviceId);
    requireMatch(ifMatch, device.twin.etag);
    const { desired, tags } = readChange(body);
    if (desired === undefined && tags === undefined) return twinJson(device);
    const now = this.context.now();
    this.writeByService(device, {
      ...(tags === undefined ? {} : { tags: mergeJson(device.twin.tags, this.checked(tags, 'tags')) }),
      ...(desired === undefined
        ? {}
        : {
            desired: mergeSection(
              'desired',
              device.twin.desired,
              this.checked(desired, 'properties.desired'),
              now,
            ),
          }),
    });
    this.changed('updateTwin', device, { ...(tags && { tags }), ...(desired && { desired }) });
    if (desired !== undefined) this.tellDevice(device, desired);
    return twinJson(device);
  }

  /** PUT from a service: desired properties and tags become what is given; what is not given stays. */
  replace(deviceId: string, body: unknown, ifMatch = '*'): JsonObject {
    const device = this.context.device(deviceId);
    requireMatch(ifMatch, device.twin.etag);
    const change = readChange(body);
    const { desired = device.twin.desired.values, tags = device.twin.tags } = change;
    const before = device.twin.desired.values;
    this.writeByService(device, {
      tags: mergeJson({}, this.checked(tags, 'tags')),
      desired: replaceSection(
        'desired',
        device.twin.desired,
        this.checked(desired, 'properties.desired'),
        this.context.now(),
      ),
    });
    this.changed('replaceTwin', device, { tags, desired });
    const removed = Object.keys(before).filter((key) => !(key in device.twin.desired.values));
    this.tellDevice(device, {
      ...Object.fromEntries(removed.map((key) => [key, null])),
      ...device.twin.desired.values,
    });
    return twinJson(device);
  }

  /** What a device is answered to a GET of its twin. */
  ofDevice(deviceId: string): JsonObject {
    const { twin } = this.context.device(deviceId);
    return { desired: sectionOfDevice(twin.desired), reported: sectionOfDevice(twin.reported) };
  }

  /** PATCH from the device. Returns the new version of its reported properties. */
  report(deviceId: string, patch: unknown): number {
    const device = this.context.device(deviceId);
    if (!isJsonObject(patch)) throw new HubError('ArgumentInvalid', 'The patch is no JSON object');
    const reported = mergeSection(
      'reported',
      device.twin.reported,
      this.checked(patch, 'properties.reported'),
      this.context.now(),
    );
    checkSize(reported.values, this.context.limits.reportedBytes, 'properties.reported');
    device.twin = { ...device.twin, reported, version: device.twin.version + 1 };
    this.changed('updateTwin', device, { reported: patch });
    return reported.version;
  }

  tick(now: number): void {
    for (const [deviceId, { dueAt }] of this.waiting) if (dueAt <= now) this.flush(deviceId);
  }

  private writeByService(device: Device, parts: Partial<Pick<Twin, 'tags' | 'desired'>>): void {
    const { limits } = this.context;
    const version = device.twin.version + 1;
    const twin: Twin = { ...device.twin, ...parts, version, etag: etagOf(version - 1) };
    checkSize(twin.tags, limits.tagsBytes, 'tags');
    checkSize(twin.desired.values, limits.desiredBytes, 'properties.desired');
    device.twin = twin;
  }

  private checked(patch: JsonObject, path: string): JsonObject {
    checkPatch(patch, this.context.limits, path);
    return patch;
  }

  /** Only who is connected is told. Who was away reads the whole twin when it is back. */
  private tellDevice(device: Device, patch: JsonObject): void {
    device.session?.desiredChanged(patch, device.twin.desired.version);
  }

  private changed(opType: Extract<OpType, `${string}Twin`>, device: Device, change: TwinChange): void {
    const { deviceId } = device.identity;
    const { coalesceMs, emit, now } = this.context;
    if (coalesceMs === 0 || opType === 'replaceTwin') {
      this.flush(deviceId);
      emit(opType, deviceId, twinChangeBody(change, device.twin));
      return;
    }
    const before = this.waiting.get(deviceId);
    this.waiting.set(deviceId, {
      device,
      dueAt: before?.dueAt ?? now() + coalesceMs,
      change: before === undefined ? change : bothChanges(before.change, change),
    });
  }

  private flush(deviceId: string): void {
    const waiting = this.waiting.get(deviceId);
    if (waiting === undefined) return;
    this.waiting.delete(deviceId);
    this.context.emit('updateTwin', deviceId, twinChangeBody(waiting.change, waiting.device.twin));
  }
}

const readChange = (body: unknown): TwinChange => {
  if (!isJsonObject(body)) throw new HubError('ArgumentInvalid', 'The body is no JSON object');
  const properties = body['properties'] ?? {};
  if (!isJsonObject(properties)) throw new HubError('ArgumentInvalid', 'properties is no JSON object');
  const { desired } = properties;
  const { tags } = body;
  if (desired !== undefined && !isJsonObject(desired)) {
    throw new HubError('ArgumentInvalid', 'properties.desired is no JSON object');
  }
  if (tags !== undefined && !isJsonObject(tags)) {
    throw new HubError('ArgumentInvalid', 'tags is no JSON object');
  }
  return {
    ...(tags === undefined ? {} : { tags }),
    ...(desired === undefined ? {} : { desired: withoutSystemKeys(desired) }),
  };
};

/** Whoever sends back a twin that was read sends `$version` and `$metadata`, too. They are the hub's. */
const withoutSystemKeys = (values: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(values).filter(([key]) => key !== '$version' && key !== '$metadata'));

/** A device is not told when its values were set. */
const sectionOfDevice = ({ values, version }: TwinSection): JsonObject => ({ ...values, $version: version });
