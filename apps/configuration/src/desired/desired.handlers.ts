import { Controller, Inject } from '@nestjs/common';
import { AppError, isPassing, type BulkOutcome } from '@muster/contracts';
import {
  changeDesiredMany,
  reofferMany,
  type ChangeDesiredMany,
  type DesiredOutcomes,
  type ReofferMany,
} from '@muster/contracts/configuration/campaign.requests';
import {
  changeDesired,
  reofferConfiguration,
  type ChangeDesired,
  type DesiredChanged,
  type ReofferConfiguration,
} from '@muster/contracts/configuration/requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { KnownDevices } from '@muster/known-devices';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import { syncStateOf } from '../device-configuration/sync-state.js';
import { UNCONFIRMED_AFTER_MS } from '../providers.js';
import { DesiredChanges } from './desired-changes.js';

/** What operators and campaigns want of devices. */
@Controller()
export class DesiredHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(KnownDevices) private readonly devices: KnownDevices,
    @Inject(DesiredChanges) private readonly changes: DesiredChanges,
    @Inject(UNCONFIRMED_AFTER_MS) private readonly unconfirmedAfterMs: number,
  ) {}

  @Handles(changeDesired)
  async change({ actor, ...request }: ChangeDesired): Promise<DesiredChanged> {
    return this.standing(await this.changes.change({ ...request, source: actor }));
  }

  @Handles(changeDesiredMany)
  async changeMany({ operationId, actor, ...request }: ChangeDesiredMany): Promise<DesiredOutcomes> {
    assertOneEach(request);
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
        at: new Date().toISOString(),
        ...(expectedVersion === undefined ? {} : { expectedVersion }),
        ...(reason === undefined ? {} : { reason }),
      },
      metadata: { actor },
    });
    return this.standing(state);
  }

  @Handles(reofferMany)
  async reofferMany({ operationId, ...body }: ReofferMany): Promise<BulkOutcome> {
    const { tenantId, deviceIds, actor, reason } = body;
    const faults = await this.devices.faultsOf(deviceIds.map((deviceId) => ({ tenantId, deviceId })));
    const away = faults.find((fault) => fault !== undefined && isPassing(fault));
    if (away !== undefined) throw away;
    const known = deviceIds.filter((_id, index) => faults[index] === undefined);
    return idempotently(this.database, {
      tenantId,
      key: `${reofferMany.subject} ${operationId}`,
      body,
      run: async (tx) => {
        const at = new Date().toISOString();
        const executed = await this.store.executeMany(
          deviceConfiguration,
          known.map((id) => ({
            tenantId,
            id,
            command: {
              type: 'Reoffer' as const,
              source: actor,
              at,
              ...(reason === undefined ? {} : { reason }),
            },
            metadata: { actor },
          })),
          { within: tx },
        );
        const outcomes = executed.values();
        return {
          outcomes: faults.map((fault) => {
            const error = fault ?? outcomes.next().value?.error;
            return error === undefined ? {} : { code: error.code, detail: error.detail };
          }),
        };
      },
    });
  }

  private standing(state: DeviceConfiguration): DesiredChanged {
    const syncState = syncStateOf(state, new Date(), this.unconfirmedAfterMs);
    return { version: state.version, configId: state.configId, syncState };
  }
}

const assertOneEach = ({
  deviceIds,
  desired,
  desiredOf,
}: Omit<ChangeDesiredMany, 'operationId' | 'actor'>): void => {
  if (desiredOf === undefined) return;
  if (Object.keys(desired).length > 0) throw invalid('desired', 'must be empty beside desiredOf');
  if (desiredOf.length !== deviceIds.length)
    throw invalid('desiredOf', `must have one element for each of the ${deviceIds.length} devices`);
};

const invalid = (path: string, message: string): AppError =>
  new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
