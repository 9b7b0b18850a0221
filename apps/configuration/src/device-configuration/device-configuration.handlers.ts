import { Controller, Inject } from '@nestjs/common';
import { AppError, type Actor, type BulkOutcome } from '@muster/contracts';
import {
  changeDesired,
  changeDesiredMany,
  dueDocuments,
  fetchDocument,
  getConfiguration,
  getReportedState,
  recordDispatched,
  reofferConfiguration,
  reportApplied,
  reportState,
  type ChangeDesired,
  type ChangeDesiredMany,
  type ConfigurationView,
  type DesiredChanged,
  type DesiredOutcomes,
  type DocumentView,
  type DeviceKey,
  type DispatchesRecorded,
  type DueDocument,
  type DueDocumentList,
  type DueDocuments,
  type FetchDocument,
  type GetConfiguration,
  type GetReportedState,
  type RecordDispatched,
  type ReofferConfiguration,
  type ReportApplied,
  type ReportedState,
  type ReportState,
  type SyncState,
} from '@muster/contracts/configuration/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { KnownDevices, type DeviceId } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import { CEILINGS, UNCONFIRMED_AFTER_MS } from '../providers.js';
import type { Limits } from '../desired/acceptable-values.js';
import { viewOf } from './configuration-view.js';
import { DesiredChanges } from '../desired/desired-changes.js';
import {
  deviceConfiguration,
  type ConfigurationCommand,
  type DeviceConfiguration,
} from './device-configuration.decider.js';
import { documentOf, reportedStateOf } from './documents.js';
import { asksForPast, readPast } from '../history/past.js';
import { isDue, isDueAfterChange, isSuperseded, syncStateOf } from './sync-state.js';

interface BulkItem extends DeviceId {
  readonly command: ConfigurationCommand;
  readonly actor: Actor;
}

/** An answer must fit in a message of the bus, which takes 1 MB by default. */
const ANSWER_BYTES = 700_000;

/** Load → decide → append → reply. Existence is asked first; a deletion that comes in between is met by `decide`. */
@Controller()
export class DeviceConfigurationHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(DesiredChanges) private readonly changes: DesiredChanges,
    @Inject(CEILINGS) private readonly ceilings: Limits,
    @Inject(UNCONFIRMED_AFTER_MS) private readonly unconfirmedAfterMs: number,
  ) {}

  @Handles(getConfiguration)
  async get(request: GetConfiguration): Promise<ConfigurationView> {
    if (asksForPast(request)) return this.past(request);
    await this.devices.assertKnown(request);
    const { state } = await this.store.load(deviceConfiguration, request.tenantId, request.deviceId);
    if (state.ended) throw new AppError('device-not-found', 'No such device.');
    return viewOf(request.deviceId, state, this.syncState(state));
  }

  private async past(request: GetConfiguration): Promise<ConfigurationView> {
    // The past of a deleted device stays readable, so only a device without any needs to exist.
    const { state, asOf } = await readPast(this.store, request, () => this.devices.assertKnown(request));
    if (state.ended) throw new AppError('device-not-found', 'The device had been deleted by then.');
    return viewOf(request.deviceId, state, this.syncState(state, asOf));
  }

  @Handles(changeDesired)
  async change({ actor, ...request }: ChangeDesired): Promise<DesiredChanged> {
    return this.standing(await this.changes.change({ ...request, source: actor }));
  }

  @Handles(changeDesiredMany)
  async changeMany({ operationId, actor, ...request }: ChangeDesiredMany): Promise<DesiredOutcomes> {
    await this.changes.prepare(request.tenantId, request.deviceIds);
    return idempotently(this.database, {
      tenantId: request.tenantId,
      key: `${changeDesiredMany.subject} ${operationId}`,
      body: { actor, ...request },
      run: async (tx) => ({ outcomes: await this.changes.changeMany(tx, { ...request, source: actor }) }),
    });
  }

  @Handles(reofferConfiguration)
  async reoffer(request: ReofferConfiguration): Promise<DesiredChanged> {
    await this.devices.assertKnown(request);
    const { tenantId, deviceId, actor, reason, expectedVersion } = request;
    const { state } = await this.store.execute(deviceConfiguration, {
      tenantId,
      id: deviceId,
      command: {
        type: 'Reoffer',
        source: actor,
        at: now(),
        ...(expectedVersion === undefined ? {} : { expectedVersion }),
        ...(reason === undefined ? {} : { reason }),
      },
      metadata: { actor },
    });
    return this.standing(state);
  }

  @Handles(fetchDocument)
  async fetch(request: FetchDocument): Promise<DocumentView> {
    await this.devices.assertKnown(request);
    const { tenantId, deviceId, configId, observe } = request;
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
    const unchanged = configId === state.configId;
    const config = unchanged || state.configId === '' ? null : documentOf(state);
    return { unchanged, configId: state.configId, config };
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
    const loaded = await this.store.loadMany(
      deviceConfiguration,
      devices.map(({ tenantId, deviceId }) => ({ tenantId, id: deviceId })),
    );
    const due = changed === true ? isDueAfterChange : isDue;
    const items: DueDocument[] = [];
    let bytes = 0;
    for (const [index, { tenantId, deviceId }] of devices.entries()) {
      const state = loaded[index]?.state;
      if (state === undefined || !due(state)) continue;
      const item = { tenantId, deviceId, configId: state.configId, config: documentOf(state) };
      bytes += Buffer.byteLength(JSON.stringify(item));
      if (items.length > 0 && bytes > ANSWER_BYTES) return { items, askAgain: devices.slice(index) };
      items.push(item);
    }
    return { items };
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

  private standing(state: DeviceConfiguration): DesiredChanged {
    return { version: state.version, configId: state.configId, syncState: this.syncState(state) };
  }

  private syncState(state: DeviceConfiguration, asOf = new Date()): SyncState {
    return syncStateOf(state, asOf, this.unconfirmedAfterMs);
  }
}

const now = (): string => new Date().toISOString();
