import { Controller, Inject } from '@nestjs/common';
import {
  AppError,
  DEFAULT_PAGE,
  isPassing,
  whatFits,
  type Actor,
  type BulkOutcome,
  type ItemOutcome,
} from '@muster/contracts';
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
  type SoftwareDispatchesRecorded,
  type SoftwareDocument,
  type SoftwareStates,
  type SoftwareView,
} from '@muster/contracts/firmware/software.requests';
import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices, type DeviceId } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { DeviceDownloads } from '../download/device-downloads.js';
import { FirmwareTypes } from '../firmware-type/firmware-types.projection.js';
import { Firmwares } from '../firmware/firmwares.projection.js';
import {
  Catalogue,
  DEFAULT_SOFTWARE,
  DEVICE_FACTS,
  documentOf,
  type Shelf,
  type StockedDevice,
} from './catalogue.js';
import {
  deviceSoftware,
  dueHopAfterChange,
  dueHopSince,
  isSuperseded,
  openHop,
  softwareOf,
  type DeviceSoftware,
  type Software,
  type SoftwareCommand,
} from './software.decider.js';

interface BulkItem extends DeviceId {
  readonly name?: string;
  readonly actor: Actor;
  readonly commandFor: (shelf: Shelf) => SoftwareCommand;
}

/** Existence is asked first; a deletion that comes in between is met by `decide`. */
@Controller()
export class SoftwareHandlers {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(FirmwareTypes) private readonly types: FirmwareTypes,
    @Inject(Firmwares) private readonly firmwares: Firmwares,
    @Inject(DeviceDownloads) private readonly downloads: DeviceDownloads,
  ) {}

  @Handles(fetchSoftware)
  async fetch(request: FetchSoftware): Promise<SoftwareDocument> {
    const { tenantId, deviceId, name, configId, observe } = request;
    const device = await this.devices.get(request, DEVICE_FACTS);
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
    if (offer === undefined)
      return { unchanged: true, configId: known.reported?.version ?? '', config: null };
    const tokenFor = await this.downloads.tokensFor([device]);
    const config = documentOf(offer, tokenFor(device, offer.firmware.id));
    return { unchanged: false, configId: offer.version, config };
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
        commandFor: ({ software }) => ({
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
  async recordDispatched({ dispatches }: RecordSoftwareDispatched): Promise<SoftwareDispatchesRecorded> {
    const latest = Date.now();
    const superseded = new Map<string, DeviceKey>();
    const { outcomes } = await this.executeMany(
      dispatches.map(({ tenantId, deviceId, name, configId: version, subscriber, ...dispatch }) => ({
        tenantId,
        deviceId,
        ...(name === undefined ? {} : { name }),
        actor: { kind: 'system', id: `${dispatch.interface}-adapter` },
        commandFor: ({ software, offers }) => ({
          type: 'RecordOffered',
          software,
          availableSince: offers.find((offer) => offer.version === version)?.availableSince,
          interface: dispatch.interface,
          version,
          subscriber,
          // An adapter's clock that runs ahead would make what comes after it look old.
          at: new Date(Math.min(latest, Date.parse(dispatch.at) || latest)).toISOString(),
        }),
      })),
      ({ tenantId, deviceId }, { software, offers }, state) => {
        if (isSuperseded(softwareOf(state, software), offers)) {
          superseded.set(`${tenantId} ${deviceId}`, { tenantId, deviceId });
        }
      },
    );
    return { outcomes, superseded: [...superseded.values()] };
  }

  @Handles(dueSoftware)
  async due({ devices, changed }: DueSoftware): Promise<DueSoftwareList> {
    const found = await this.devices.find(devices, DEVICE_FACTS);
    // Left out, such a device would look as if nothing were due to it.
    for (const one of found) if (one instanceof AppError && isPassing(one)) throw one;
    const known = found.filter(isKnown);
    const catalogue = await Catalogue.for(known, this.types, this.firmwares);
    const loaded = await this.store.loadMany(
      deviceSoftware,
      known.map(({ tenantId, deviceId }) => ({ tenantId, id: deviceId })),
    );
    const tokenFor = await this.downloads.tokensFor(known);
    const reachableAt = new Map(devices.map((one) => [`${one.tenantId} ${one.deviceId}`, one.reachableAt]));
    const due = whatFits(known, (device, index): DueSoftwareItem[] => {
      const state = loaded[index]?.state;
      if (state === undefined || state.ended) return [];
      const { tenantId, deviceId } = device;
      const since = reachableAt.get(`${tenantId} ${deviceId}`);
      return catalogue.shelvesOf(device).flatMap(({ software, offers }) => {
        const known = softwareOf(state, software);
        const offer = changed === true ? dueHopAfterChange(known, offers) : dueHopSince(known, offers, since);
        if (offer === undefined) return [];
        const name = software === DEFAULT_SOFTWARE ? {} : { name: software };
        const config = documentOf(offer, tokenFor(device, offer.firmware.id));
        return [{ tenantId, deviceId, ...name, configId: offer.version, config }];
      });
    });
    return {
      ...due,
      ...(due.askAgain === undefined
        ? {}
        : {
            askAgain: due.askAgain.map(({ tenantId, deviceId }) => {
              const since = reachableAt.get(`${tenantId} ${deviceId}`);
              return { tenantId, deviceId, ...(since === undefined ? {} : { reachableAt: since }) };
            }),
          }),
    };
  }

  @Handles(getSoftware)
  async get(request: GetSoftware): Promise<SoftwareStates> {
    const { deviceTypeId } = await this.devices.get(request, DEVICE_FACTS);
    const types = await this.types.list(request.tenantId, deviceTypeId);
    const { state } = await this.store.load(deviceSoftware, request.tenantId, request.deviceId);
    const nameOf = (one: string): string | undefined =>
      types.find(({ name, isDefault }) => (one === DEFAULT_SOFTWARE ? isDefault : name === one))?.name;
    const limit = request.limit ?? DEFAULT_PAGE;
    const [after = ''] = decodeCursor('software', request.cursor, [TEXT]) ?? [];
    const all = Object.entries(state.software)
      .map(([name, software]) => viewOf(name, nameOf(name), software))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const found = all.filter(({ name }) => name > after);
    return {
      ...pageBy('software', found, limit, ({ name }) => [name]),
      ...(request.count === true ? { total: all.length } : {}),
    };
  }

  private async executeMany(
    items: readonly BulkItem[],
    done: (item: BulkItem, shelf: Shelf, state: DeviceSoftware) => void = () => undefined,
  ): Promise<BulkOutcome> {
    const found = await this.devices.find(items, DEVICE_FACTS);
    const known = found.filter(isKnown);
    const catalogue = await Catalogue.for(known, this.types, this.firmwares);
    const prepared = items.map((item, index) => {
      const device = found[index];
      if (device === undefined || !isKnown(device)) return { fault: device };
      try {
        const shelf = catalogue.shelfOf(device, item.name);
        return { ready: { item, shelf, command: item.commandFor(shelf) } };
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
                tenantId: ready.item.tenantId,
                id: ready.item.deviceId,
                command: ready.command,
                metadata: { actor: ready.item.actor },
              },
            ],
      ),
    );
    const outcomes = executed.values();
    return {
      outcomes: prepared.map(({ ready, fault }) => {
        if (ready === undefined) return outcomeOf(fault);
        const outcome = outcomes.next().value;
        if (outcome?.error === undefined && outcome !== undefined)
          done(ready.item, ready.shelf, outcome.state);
        return outcomeOf(outcome?.error);
      }),
    };
  }
}

const isKnown = (found: StockedDevice | AppError): found is StockedDevice => !(found instanceof AppError);

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

const outcomeOf = (error: AppError | undefined): ItemOutcome =>
  error === undefined ? {} : { code: error.code, detail: error.detail };

const now = (): string => new Date().toISOString();
