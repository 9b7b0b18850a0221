import type { JsonValue } from '@muster/contracts';
import type { EventStore } from '@muster/event-store';
import type { DeviceTargets, JobItemOutcome, JobKind, TargetParams } from '@muster/jobs';
import type { KnownDevices } from '@muster/known-devices';
import { commandQueue, type Limits } from '../command/command-queue.decider.js';
import { queueId } from '../command/names.js';

export const COMMAND_BULK_JOB = 'command-bulk';

export interface CommandBulkParams extends TargetParams {
  readonly type: string;
  /** Absent: none; null is a payload. */
  readonly payload?: JsonValue;
  readonly ttlSeconds: number;
}

interface Parts {
  readonly targets: DeviceTargets;
  readonly store: EventStore;
  readonly devices: KnownDevices;
  readonly limits: Limits;
}

/**
 * The same command for many devices: one more for each, once, however often its chunk is begun. What a device gets of two
 * such jobs it gets in the order in which they were asked for.
 */
export const commandBulkJob = ({ targets, store, devices, limits }: Parts): JobKind<CommandBulkParams> => ({
  kind: COMMAND_BULK_JOB,
  inOrder: true,
  plan: (job, cursor) => targets.plan(job, cursor),
  prepare: async ({ tenantId }, items) => {
    const faults = await devices.faultsOf(items.map((deviceId) => ({ tenantId, deviceId })));
    const away = faults.find((fault) => fault !== undefined && fault.code !== 'device-not-found');
    if (away !== undefined) throw away;
  },
  run: async (tx, { tenantId, actor, params }, items) => {
    const { type, payload, ttlSeconds } = params;
    const at = new Date().toISOString();
    // No stream may begin after its device was deleted: see `hold`.
    const held = await devices.holdMany(
      tx,
      items.map((deviceId) => ({ tenantId, deviceId })),
    );
    const there = items.filter((_, index) => held[index] === undefined);
    const created = await store.executeMany(
      commandQueue,
      there.map((deviceId) => ({
        tenantId,
        id: queueId(deviceId, type),
        command: {
          type: 'CreateCommand',
          ttlSeconds,
          limits,
          at,
          ...(payload === undefined ? {} : { payload }),
        },
        metadata: { actor },
      })),
      { within: tx },
    );
    const errors = new Map(there.map((deviceId, index) => [deviceId, created[index]?.error]));
    return items.map((deviceId, index): JobItemOutcome => {
      const error = held[index] ?? errors.get(deviceId);
      return error === undefined ? {} : { code: error.code, detail: error.detail };
    });
  },
});
