import { MAX_ERASED, type RequestContract, type Erased, type EraseDevices } from '@muster/contracts';
import { eraseCommands } from '@muster/contracts/commands/erasure.requests';
import { eraseConfiguration } from '@muster/contracts/configuration/erasure.requests';
import { eraseFirmware } from '@muster/contracts/firmware/erasure.requests';
import { eraseTelemetry } from '@muster/contracts/telemetry/erasure.requests';
import type { EventStore } from '@muster/event-store';
import type { JobKind } from '@muster/jobs';
import type { Bus } from '@muster/messaging';
import { device } from '../device/device.decider.js';

export const DEVICE_ERASE_JOB = 'device-erase';

/** Whoever holds something of devices. */
const HOLDERS: readonly RequestContract<EraseDevices, Erased>[] = [
  eraseTelemetry,
  eraseFirmware,
  eraseConfiguration,
  eraseCommands,
];
const TIMEOUT_MS = 60_000;

/**
 * Erases what other services hold of devices that are deleted. Each erases its own and says when nothing is left; one that is away
 * is waited for. Then it is recorded, with who wanted it.
 */
export const deviceEraseJob = ({
  bus,
  store,
}: {
  readonly bus: Pick<Bus, 'request'>;
  readonly store: EventStore;
}): JobKind => ({
  kind: DEVICE_ERASE_JOB,
  prepare: async ({ tenantId, actor }, items) => {
    for (let at = 0; at < items.length; at += MAX_ERASED) {
      const deviceIds = items.slice(at, at + MAX_ERASED);
      for (const holder of HOLDERS) {
        for (;;) {
          const request = { tenantId, actor, deviceIds };
          const { complete } = await bus.request(holder, request, { timeoutMs: TIMEOUT_MS });
          if (complete) break;
        }
      }
    }
  },
  run: async (tx, { tenantId, actor }, items) => {
    const at = new Date().toISOString();
    const outcomes = await store.executeMany(
      device,
      items.map((id) => ({
        tenantId,
        id,
        command: { type: 'RecordErasure' as const, at },
        metadata: { actor },
      })),
      { within: tx },
    );
    return outcomes.map(({ error }) =>
      error === undefined ? {} : { code: error.code, detail: error.detail },
    );
  },
});
