import type { Settled } from './c2d-queue.js';
import { C2dQueue, type C2dLimits } from './c2d-queue.js';
import { deviceJson, etagOf, twinJson, type Device } from './device.js';
import type { OpType } from './hub-events.js';
import { HubError } from './hub-error.js';
import { readIdentity, type Identity, type IdentityRequest } from './identity.js';
import type { JsonObject } from './json.js';
import { emptySection } from './twin-section.js';

export interface RegistryContext {
  now(): number;
  signatureNow(): number;
  newKey(): string;
  readonly c2dLimits: C2dLimits;
  /** A device was created or deleted; `twin` is its last. */
  onLifecycle(opType: Extract<OpType, `${string}Identity`>, deviceId: string, twin: JsonObject): void;
  /** What a deleted device's queue held. */
  onPurged(settled: readonly Settled[], identity: Identity): void;
}

export interface BulkError {
  readonly deviceId: string;
  readonly errorCode: string;
  readonly errorStatus: string;
}

/** Devices in one bulk call. */
export const MAX_BULK = 100;

/** The identities of a hub. Device ids are told apart by their case. */
export class Registry {
  readonly devices = new Map<string, Device>();
  private nextEtag = 1;
  private nextGeneration = 1;

  constructor(private readonly context: RegistryContext) {}

  /** Throws DeviceNotFound. */
  get(deviceId: string): Device {
    const device = this.devices.get(deviceId);
    if (device === undefined) {
      throw new HubError('DeviceNotFound', `The device ${deviceId} is not registered`);
    }
    return device;
  }

  /** Without `ifMatch` it creates, else it replaces. */
  put(deviceId: string, body: unknown, ifMatch?: string): JsonObject {
    const request = readIdentity(deviceId, body, this.context.newKey);
    if (ifMatch === undefined) return deviceJson(this.create(request));
    const device = this.get(deviceId);
    requireMatch(ifMatch, device.identity.etag);
    return deviceJson(this.replace(device, request));
  }

  delete(deviceId: string, ifMatch = '*'): void {
    const device = this.get(deviceId);
    requireMatch(ifMatch, device.identity.etag);
    this.devices.delete(deviceId);
    device.session?.close('the device was deleted');
    this.context.onPurged(device.queue.purge(), device.identity);
    this.context.onLifecycle('deleteDeviceIdentity', deviceId, twinJson(device));
  }

  /** One by one, in order; what fails is told and hinders nothing else. */
  bulk(items: readonly JsonObject[]): readonly BulkError[] {
    if (items.length > MAX_BULK) {
      throw new HubError('ArgumentInvalid', `More than ${MAX_BULK} devices in one call`);
    }
    return items.flatMap((item) => {
      const deviceId = text(item['id']);
      try {
        this.bulkItem(deviceId, item);
        return [];
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        return [{ deviceId, errorCode: error.code, errorStatus: error.message }];
      }
    });
  }

  statistics(): JsonObject {
    const all = [...this.devices.values()];
    const enabled = all.filter(({ identity }) => identity.status === 'enabled').length;
    return {
      totalDeviceCount: all.length,
      enabledDeviceCount: enabled,
      disabledDeviceCount: all.length - enabled,
    };
  }

  private bulkItem(deviceId: string, item: JsonObject): void {
    const mode = text(item['importMode'] ?? 'create').toLowerCase();
    const etag = text(item['eTag'] ?? item['etag']);
    if (mode === 'create') this.put(deviceId, item);
    else if (mode === 'update') this.put(deviceId, item, '*');
    else if (mode === 'updateifmatchetag') this.put(deviceId, item, etag);
    else if (mode === 'delete') this.delete(deviceId);
    else if (mode === 'deleteifmatchetag') this.delete(deviceId, etag);
    else throw new HubError('ArgumentInvalid', `importMode ${mode} is not known`);
  }

  private create(request: IdentityRequest): Device {
    if (this.devices.has(request.deviceId)) {
      throw new HubError(
        'DeviceAlreadyExists',
        `A device with ID '${request.deviceId}' is already registered.`,
      );
    }
    const now = this.context.now();
    const device: Device = {
      identity: {
        ...request,
        generationId: `${now}${this.nextGeneration++}`,
        etag: this.newEtag(),
      },
      twin: {
        tags: {},
        desired: emptySection('desired', now),
        reported: emptySection('reported', now),
        version: 2,
        etag: etagOf(1),
      },
      queue: new C2dQueue(this.context.c2dLimits),
    };
    this.devices.set(request.deviceId, device);
    this.context.onLifecycle('createDeviceIdentity', request.deviceId, twinJson(device));
    return device;
  }

  private replace(device: Device, request: IdentityRequest): Device {
    const old = device.identity;
    device.identity = {
      ...old,
      ...request,
      etag: this.newEtag(),
      ...(old.status === request.status ? {} : { statusUpdatedAt: this.context.now() }),
    };
    if (device.session?.isStillValid(device.identity, this.context.signatureNow()) === false) {
      device.session.close('the identity was changed');
    }
    return device;
  }

  private newEtag(): string {
    return Buffer.from(`${this.nextEtag++}`.padStart(9, '0')).toString('base64');
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Throws PreconditionFailed. Quotes around an etag mean nothing. */
export const requireMatch = (ifMatch: string, etag: string): void => {
  const wanted = ifMatch.trim().replace(/^(?:W\/)?"(.*)"$/, '$1');
  if (wanted === '*' || wanted === etag) return;
  throw new HubError(
    'PreconditionFailed',
    `Precondition failed: Device version did not match, existingVersion:${etag}`,
  );
};
