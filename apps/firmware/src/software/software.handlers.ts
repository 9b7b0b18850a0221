import { Controller, Inject } from '@nestjs/common';
import { AppError, isPassing, whatFits, type Actor, type BulkOutcome } from '@muster/contracts';
import {
  dueSoftware,
  fetchSoftware,
  getSoftware,
  recordSoftwareDispatched,
  reportSoftwareApplied,
  type DueSoftware,
  type DueSoftwareItem,
  type DueSoftwareList,
  type FetchSoftware,
  type GetSoftware,
  type RecordSoftwareDispatched,
  type ReportSoftwareApplied,
  type SoftwareDocument,
  type SoftwareStates,
  type SoftwareView,
} from '@muster/contracts/firmware/software.requests';
import type { EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import { Devices, isKnown, type DeviceId } from '../device/devices.projection.js';
import { FirmwareTypes } from '../firmware-type/firmware-types.projection.js';
import { Firmwares } from '../firmware/firmwares.projection.js';
import { Catalogue, DEFAULT_SOFTWARE, documentOf } from './catalogue.js';
import {
  deviceSoftware,
  dueHop,
  openHop,
  softwareOf,
  type Software,
  type SoftwareCommand,
} from './software.decider.js';

interface BulkItem extends DeviceId {
  readonly name?: string;
  readonly actor: Actor;
  readonly commandFor: (software: string) => SoftwareCommand;
}

/** Existence is asked first; a deletion that comes in between is met by `decide`. */
@Controller()
export class SoftwareHandlers {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Devices) private readonly devices: Devices,
    @Inject(FirmwareTypes) private readonly types: FirmwareTypes,
    @Inject(Firmwares) private readonly firmwares: Firmwares,
  ) {}

  @Handles(fetchSoftware)
  async fetch(request: FetchSoftware): Promise<SoftwareDocument> {
    const { tenantId, deviceId, name, configId, observe } = request;
    const device = await this.devices.get(request);
    const catalogue = await Catalogue.for([device], this.types, this.firmwares);
    const { software, offers } = catalogue.shelfOf(device, name);
    const { state } = await this.store.execute(deviceSoftware, {
      tenantId,
      id: deviceId,
      command: {
        type: 'FetchSoftware',
        software,
        interface: request.interface,
        candidates: offers,
        at: now(),
        ...(configId === undefined ? {} : { configId }),
        ...(observe === undefined ? {} : { observe }),
      },
      metadata: { actor: { kind: 'device', id: deviceId } },
    });
    const known = softwareOf(state, software);
    const offer = openHop(known, offers);
    return offer === undefined
      ? { unchanged: true, configId: known.reported?.version ?? '', config: null }
      : { unchanged: false, configId: offer.version, config: documentOf(offer) };
  }

  @Handles(reportSoftwareApplied)
  reportApplied({ reports }: ReportSoftwareApplied): Promise<BulkOutcome> {
    const at = now();
    return this.executeMany(
      reports.map(({ tenantId, deviceId, name, configId: version, statusCode, reasonPhrase, ...report }) => ({
        tenantId,
        deviceId,
        ...(name === undefined ? {} : { name }),
        actor: { kind: 'device', id: deviceId },
        commandFor: (software) => ({
          type: 'ReportSoftware',
          software,
          interface: report.interface,
          version,
          statusCode,
          at,
          ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
        }),
      })),
    );
  }

  @Handles(recordSoftwareDispatched)
  recordDispatched({ dispatches }: RecordSoftwareDispatched): Promise<BulkOutcome> {
    const latest = Date.now();
    return this.executeMany(
      dispatches.map(({ tenantId, deviceId, name, configId: version, subscriber, ...dispatch }) => ({
        tenantId,
        deviceId,
        ...(name === undefined ? {} : { name }),
        actor: { kind: 'system', id: `${dispatch.interface}-adapter` },
        commandFor: (software) => ({
          type: 'RecordOffered',
          software,
          interface: dispatch.interface,
          version,
          subscriber,
          // An adapter's clock that runs ahead would make what comes after it look old.
          at: new Date(Math.min(latest, Date.parse(dispatch.at) || latest)).toISOString(),
        }),
      })),
    );
  }

  @Handles(dueSoftware)
  async due({ devices }: DueSoftware): Promise<DueSoftwareList> {
    const found = await this.devices.find(devices);
    // Left out, such a device would look as if nothing were due to it.
    for (const one of found) if (one instanceof AppError && isPassing(one)) throw one;
    const known = found.filter(isKnown);
    const catalogue = await Catalogue.for(known, this.types, this.firmwares);
    const loaded = await this.store.loadMany(
      deviceSoftware,
      known.map(({ tenantId, deviceId }) => ({ tenantId, id: deviceId })),
    );
    const due = whatFits(known, (device, index): DueSoftwareItem[] => {
      const state = loaded[index]?.state;
      if (state === undefined || state.ended) return [];
      return catalogue.shelvesOf(device).flatMap(({ software, offers }) => {
        const offer = dueHop(softwareOf(state, software), offers);
        if (offer === undefined) return [];
        const { tenantId, deviceId } = device;
        const name = software === DEFAULT_SOFTWARE ? {} : { name: software };
        return [{ tenantId, deviceId, ...name, configId: offer.version, config: documentOf(offer) }];
      });
    });
    return {
      ...due,
      ...(due.askAgain === undefined
        ? {}
        : { askAgain: due.askAgain.map(({ tenantId, deviceId }) => ({ tenantId, deviceId })) }),
    };
  }

  @Handles(getSoftware)
  async get(request: GetSoftware): Promise<SoftwareStates> {
    const { deviceTypeId } = await this.devices.get(request);
    const types = await this.types.list(request.tenantId, deviceTypeId);
    const { state } = await this.store.load(deviceSoftware, request.tenantId, request.deviceId);
    const nameOf = (one: string): string | undefined =>
      types.find(({ name, isDefault }) => (one === DEFAULT_SOFTWARE ? isDefault : name === one))?.name;
    return {
      items: Object.entries(state.software)
        .map(([name, software]) => viewOf(name, nameOf(name), software))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    };
  }

  private async executeMany(items: readonly BulkItem[]): Promise<BulkOutcome> {
    const found = await this.devices.find(items);
    const known = found.filter(isKnown);
    const catalogue = await Catalogue.for(known, this.types, this.firmwares);
    const prepared = items.map(({ commandFor, ...item }, index) => {
      const device = found[index];
      if (device === undefined || !isKnown(device)) return { fault: device };
      try {
        return { ready: { ...item, command: commandFor(catalogue.shelfOf(device, item.name).software) } };
      } catch (error) {
        if (error instanceof AppError) return { fault: error };
        throw error;
      }
    });
    const executed = await this.store.executeMany(
      deviceSoftware,
      prepared.flatMap(({ ready }) =>
        ready === undefined
          ? []
          : [
              {
                tenantId: ready.tenantId,
                id: ready.deviceId,
                command: ready.command,
                metadata: { actor: ready.actor },
              },
            ],
      ),
    );
    const outcomes = executed.values();
    return {
      outcomes: prepared.map(({ ready, fault }) => {
        const error = ready === undefined ? fault : outcomes.next().value?.error;
        return error === undefined ? {} : { code: error.code, detail: error.detail };
      }),
    };
  }
}

const viewOf = (
  name: string,
  firmwareType: string | undefined,
  { reported, offered, rejected, observe }: Software,
): SoftwareView => ({
  name,
  ...(firmwareType === undefined ? {} : { firmwareType }),
  ...(reported === null ? {} : { reportedVersion: reported.version, reportedAt: reported.at }),
  ...(offered === null
    ? {}
    : { offered: { version: offered.version, subscriber: offered.subscriber, at: offered.at } }),
  ...(rejected === null ? {} : { rejected }),
  ...(observe === null ? {} : { observe }),
});

const now = (): string => new Date().toISOString();
