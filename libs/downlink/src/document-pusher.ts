import type { JsonObject } from '@muster/contracts';
import {
  dueDocuments,
  recordDispatched,
  type DeviceKey,
  type DispatchReport,
  type DueDocumentOf,
} from '@muster/contracts/configuration/documents.requests';
import { dueSoftware, recordSoftwareDispatched } from '@muster/contracts/firmware/software.requests';
import { encodeConfigurationPush } from '@muster/kp1';
import type { Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { askOn } from './ask-on.js';
import type { DevicePushes } from './device-pushes.js';
import { recordAll, type Recorded } from './record.js';
import type { PushTarget } from './wire.js';

/** `changed`: what they should have is another than before. `reachable`: they can be reached since just now. */
export type PushReason = 'changed' | 'reachable';

export interface DueItem extends DeviceKey {
  /** Last part of its path; absent: it has none. */
  readonly name?: string;
  readonly configId: string;
  readonly config: JsonObject;
  /** It is another version's than the one on record, and not to be recorded. */
  readonly appVersion?: string;
}

export interface Dispatch extends DispatchReport {
  readonly name?: string;
}

/** The service that knows which devices are due what (7/CMP): configuration for cmx, firmware for cmx_ota. */
export interface DocumentSource {
  readonly extension: 'cmx' | 'cmx_ota';
  due(
    devices: DueDocumentOf[],
    reason: PushReason,
  ): Promise<{ readonly items: readonly DueItem[]; readonly askAgain?: readonly DueDocumentOf[] }>;
  record(dispatches: Dispatch[]): Promise<Recorded>;
}

export interface DocumentPushParts {
  readonly source: DocumentSource;
  readonly pushes: Pick<DevicePushes, 'interface' | 'reachable' | 'publish'>;
  readonly logger: Logger;
}

const DEADLINE = { timeoutMs: 5_000 };

/** cmx: the desired configuration of each device. */
export const configurationSource = (bus: Pick<Bus, 'request'>): DocumentSource => ({
  extension: 'cmx',
  due: (devices, reason) => bus.request(dueDocuments, { devices, changed: reason === 'changed' }, DEADLINE),
  record: (dispatches) => bus.request(recordDispatched, { dispatches }, DEADLINE),
});

/** cmx_ota: the version each device may go to next, of each of its firmware types. */
export const softwareSource = (bus: Pick<Bus, 'request'>): DocumentSource => ({
  extension: 'cmx_ota',
  // The same for all app versions.
  due: (devices, reason) =>
    bus.request(
      dueSoftware,
      {
        devices: devices.map(({ tenantId, deviceId, reachableAt }) => ({
          tenantId,
          deviceId,
          ...(reachableAt === undefined ? {} : { reachableAt }),
        })),
        changed: reason === 'changed',
      },
      DEADLINE,
    ),
  record: (dispatches) => bus.request(recordSoftwareDispatched, { dispatches }, DEADLINE),
});

/** Clocks of replicas that disagree could make a dispatch look superseded for as long as they do. */
const MAX_REPAIRS = 5;

/**
 * Offers devices their current document: asks which of them are due one, sends it whole to each usable token, and reports
 * whether somebody was there. Repeating it is harmless: who has applied its document is not due. Throws `unavailable` when
 * the service or the wire is away; nothing is recorded then for those that were not sent theirs.
 */
export class DocumentPusher {
  /** By device. */
  private readonly underWay = new Map<string, Promise<void>>();

  constructor(private readonly parts: DocumentPushParts) {}

  /**
   * A device whose document is just being sent is looked at when that is on record: one that becomes reachable at the moment of
   * a change would be sent it for each reason. Other replicas are not waited for.
   */
  async push(targets: readonly PushTarget[], reason: PushReason): Promise<void> {
    const busy = targets.filter((target) => this.underWay.has(keyOf(target)));
    const free = targets.filter((target) => !this.underWay.has(keyOf(target)));
    const others = Promise.allSettled(busy.flatMap((target) => this.underWay.get(keyOf(target)) ?? []));
    const work = this.pushNow(free, reason).finally(() => {
      for (const target of free) this.underWay.delete(keyOf(target));
    });
    for (const target of free) this.underWay.set(keyOf(target), work);
    const later = busy.length === 0 ? undefined : others.then(() => this.push(busy, reason));
    await Promise.all([work, later]);
  }

  private async pushNow(targets: readonly PushTarget[], reason: PushReason): Promise<void> {
    const { source, pushes } = this.parts;
    const reachable = await pushes.reachable(targets, source.extension);
    const byDevice = new Map(reachable.map((target) => [keyOf(target), target]));
    const devices = [...byDevice.values()].map(({ tenantId, deviceId, reachableAt, appVersion }) => ({
      tenantId,
      deviceId,
      ...(reachableAt === undefined ? {} : { reachableAt }),
      ...(appVersion === undefined ? {} : { appVersion }),
    }));
    let repairs = MAX_REPAIRS;
    await askOn<DueDocumentOf, Awaited<ReturnType<DocumentSource['due']>>>(
      devices,
      (asked) => source.due(asked, reason),
      async ({ items }) => {
        const superseded = await this.dispatch(items, byDevice);
        if (reason === 'changed') await this.recordNobody(items.filter(isOfOther));
        if (superseded.length > 0) repairs -= 1;
        return repairs > 0 ? superseded : [];
      },
    );
  }

  /**
   * Returns who is due again. Between the question and the push the document may have changed, and another push may have
   * sent the newer one first: what this one sent last would stay.
   */
  private async dispatch(
    items: readonly DueItem[],
    targets: ReadonlyMap<string, PushTarget>,
  ): Promise<DeviceKey[]> {
    const outcomes = await Promise.allSettled(
      items.map((item) => this.dispatchOne(item, targets.get(keyOf(item)) ?? item)),
    );
    const dispatches = outcomes.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    const { source, logger } = this.parts;
    const superseded = await recordAll(dispatches, (some) => source.record(some), logger);
    const failed = outcomes.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return superseded;
  }

  /**
   * Devices that are listened for as another version alone: of the document on record it is told that nobody was there, or who
   * waits until that is known to the interface would wait until the device says which version it is.
   */
  private async recordNobody(others: readonly DueItem[]): Promise<void> {
    const { source, pushes, logger } = this.parts;
    const at = new Date().toISOString();
    await askOn<DueDocumentOf, Awaited<ReturnType<DocumentSource['due']>>>(
      others.map(({ tenantId, deviceId }) => ({ tenantId, deviceId })),
      (asked) => source.due(asked, 'changed'),
      async ({ items }) => {
        const dispatches = items.map(({ tenantId, deviceId, configId }) => ({
          ...{ tenantId, deviceId, configId, at },
          ...{ interface: pushes.interface, subscriber: false },
        }));
        await recordAll(dispatches, (some) => source.record(some), logger);
        return [];
      },
    );
  }

  private async dispatchOne(item: DueItem, target: PushTarget): Promise<Dispatch[]> {
    const { source, pushes } = this.parts;
    const { tenantId, deviceId, name, configId, config } = item;
    const pushed = await pushes.publish(target, {
      extension: source.extension,
      path: ['config', 'json', ...(name === undefined ? [] : [name])],
      body: encodeConfigurationPush({ configId, config }),
    });
    if (pushed === undefined || item.appVersion !== undefined) return [];
    return [
      {
        tenantId,
        deviceId,
        ...(name === undefined ? {} : { name }),
        configId,
        interface: pushes.interface,
        ...pushed,
      },
    ];
  }
}

const isOfOther = ({ appVersion }: DueItem): boolean => appVersion !== undefined;

const keyOf = ({ tenantId, deviceId }: DeviceKey): string => `${tenantId} ${deviceId}`;
