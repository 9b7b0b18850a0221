import { Controller, Inject } from '@nestjs/common';
import { AppError, whatFits, type Actor, type BulkOutcome } from '@muster/contracts';
import {
  dueDocuments,
  fetchDocument,
  getReportedState,
  recordDispatched,
  reportApplied,
  reportState,
  type DeviceKey,
  type DispatchesRecorded,
  type DocumentView,
  type DueDocument,
  type DueDocumentList,
  type DueDocuments,
  type FetchDocument,
  type GetReportedState,
  type RecordDispatched,
  type ReportApplied,
  type ReportedState,
  type ReportState,
} from '@muster/contracts/configuration/documents.requests';
import type { EventStore } from '@muster/event-store';
import { KnownDevices, type DeviceId } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { EVENT_STORE } from '@muster/service-host';
import type { Limits } from '../desired/acceptable-values.js';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';
import {
  deviceConfiguration,
  type ConfigurationCommand,
} from '../device-configuration/device-configuration.decider.js';
import { documentOf, reportedStateOf } from '../device-configuration/documents.js';
import { isOtherDue, OtherVersions } from '../device-configuration/other-versions.js';
import { isDueAfterChange, isDueSince, isRefused, isSuperseded } from '../device-configuration/sync-state.js';
import { CEILINGS } from '../providers.js';

interface BulkItem extends DeviceId {
  readonly command: ConfigurationCommand;
  readonly actor: Actor;
}

/**
 * What devices and their adapters ask for and report. Existence is asked first; a deletion that comes in between is met by
 * `decide`.
 */
@Controller()
export class ReportHandlers {
  constructor(
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(CEILINGS) private readonly ceilings: Limits,
    @Inject(OtherVersions) private readonly others: OtherVersions,
  ) {}

  @Handles(fetchDocument)
  async fetch(request: FetchDocument): Promise<DocumentView> {
    const { tenantId, deviceId, configId, observe } = request;
    const appVersion = request.appVersion ?? undefined;
    const known = await this.devices.get(request, ['appVersion']);
    if (appVersion !== undefined && appVersion !== known.appVersion) {
      const isOnRecord = await this.others.catchUp(request, appVersion);
      if (!isOnRecord) return this.otherDocument({ ...request, appVersion });
    }
    const { state } = await this.store.execute(deviceConfiguration, {
      tenantId,
      id: deviceId,
      command: {
        type: 'FetchDocument',
        interface: request.interface,
        at: now(),
        ...(configId === undefined ? {} : { configId }),
        ...(observe === undefined ? {} : { observe }),
      },
      metadata: { actor: { kind: 'device', id: deviceId } },
    });
    const unchanged = configId === state.configId || isRefused(state);
    const config = unchanged || state.version === 0 ? null : documentOf(state);
    return { unchanged, configId: state.configId, config };
  }

  /** As a version that the registry does not know of yet: nothing is put on record. */
  private async otherDocument(
    request: FetchDocument & { readonly appVersion: string },
  ): Promise<DocumentView> {
    const [held] = await this.others.load([request]);
    if (held === undefined || held.state.ended) throw new AppError('device-not-found', 'No such device.');
    const { configId, config } = held.other ?? {
      configId: held.state.configId,
      config: documentOf(held.state),
    };
    const unchanged = configId === request.configId;
    return { unchanged, configId, config: unchanged || configId === '' ? null : config };
  }

  @Handles(reportApplied)
  reportApplied({ reports }: ReportApplied): Promise<BulkOutcome> {
    const at = now();
    return this.executeMany(
      reports.map(({ tenantId, deviceId, reasonPhrase, ...report }) => ({
        tenantId,
        deviceId,
        command: {
          type: 'ReportApplied',
          interface: report.interface,
          configId: report.configId,
          statusCode: report.statusCode,
          at,
          ...(reasonPhrase === undefined ? {} : { reasonPhrase }),
        },
        actor: { kind: 'device', id: deviceId },
      })),
    );
  }

  @Handles(reportState)
  reportState({ reports }: ReportState): Promise<BulkOutcome> {
    const at = now();
    return this.executeMany(
      reports.map(({ tenantId, deviceId, reported, ...report }) => ({
        tenantId,
        deviceId,
        command: {
          type: 'ReportState',
          interface: report.interface,
          reported,
          limits: this.ceilings,
          at,
        },
        actor: { kind: 'device', id: deviceId },
      })),
    );
  }

  @Handles(getReportedState)
  async reportedState(request: GetReportedState): Promise<ReportedState> {
    await this.devices.assertKnown(request);
    const { state } = await this.store.load(deviceConfiguration, request.tenantId, request.deviceId);
    if (state.ended) throw new AppError('device-not-found', 'No such device.');
    return { reported: reportedStateOf(state) };
  }

  @Handles(recordDispatched)
  async recordDispatched({ dispatches }: RecordDispatched): Promise<DispatchesRecorded> {
    const latest = Date.now();
    const superseded: DeviceKey[] = [];
    const { outcomes } = await this.executeMany(
      dispatches.map(({ tenantId, deviceId, configId, subscriber, ...dispatch }) => ({
        tenantId,
        deviceId,
        command: {
          type: 'RecordDispatched',
          interface: dispatch.interface,
          configId,
          subscriber,
          // An adapter's clock that runs ahead would make what comes after it look old.
          at: new Date(Math.min(latest, Date.parse(dispatch.at) || latest)).toISOString(),
        },
        actor: { kind: 'system', id: `${dispatch.interface}-adapter` },
      })),
      ({ tenantId, deviceId }, state) => {
        if (isSuperseded(state)) superseded.push({ tenantId, deviceId });
      },
    );
    return { outcomes, superseded };
  }

  @Handles(dueDocuments)
  async dueDocuments({ devices, changed }: DueDocuments): Promise<DueDocumentList> {
    const held = await this.others.load(devices);
    return whatFits(devices, ({ tenantId, deviceId, reachableAt, appVersion }, index): DueDocument[] => {
      const { state, other } = held[index] ?? {};
      if (state === undefined) return [];
      if (other !== undefined && appVersion != null) {
        return isOtherDue(other, state) ? [{ tenantId, deviceId, ...other, appVersion }] : [];
      }
      if (!(changed === true ? isDueAfterChange(state) : isDueSince(state, reachableAt))) return [];
      return [{ tenantId, deviceId, configId: state.configId, config: documentOf(state) }];
    });
  }

  private async executeMany(
    items: readonly BulkItem[],
    done: (item: BulkItem, state: DeviceConfiguration) => void = () => undefined,
  ): Promise<BulkOutcome> {
    const faults = await this.devices.faultsOf(items);
    const known = items.filter((_item, index) => faults[index] === undefined);
    const executed = await this.store.executeMany(
      deviceConfiguration,
      known.map(({ tenantId, deviceId, command, actor }) => ({
        tenantId,
        id: deviceId,
        command,
        metadata: { actor },
      })),
    );
    for (const [index, item] of known.entries()) {
      const outcome = executed[index];
      if (outcome?.error === undefined && outcome !== undefined) done(item, outcome.state);
    }
    const outcomes = executed.values();
    return {
      outcomes: faults.map((fault) => {
        const error = fault ?? outcomes.next().value?.error;
        return error === undefined ? {} : { code: error.code, detail: error.detail };
      }),
    };
  }
}

const now = (): string => new Date().toISOString();
