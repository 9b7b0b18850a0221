import type { DesiredChanges } from '../desired/desired-changes.js';
import type { KnownDevices } from '@muster/known-devices';
import type { JobKind } from '@muster/jobs';

export const DEFAULTS_JOB = 'configuration-defaults';

/** Whose defaults changed. */
export interface DefaultsJobParams {
  readonly deviceTypeId: string;
  /** Name; absent: those of the type itself. */
  readonly appVersion?: string;
}

const PAGE = 5_000;

/**
 * Gives changed defaults to the devices that have no value of their own. Every chunk takes the defaults that are in force
 * when it is done, so that a second change during the job changes no device twice: whichever job comes later to a device
 * finds nothing left to do. Devices that are new or get another app version meanwhile are the reactor's.
 */
export const defaultsJob = (parts: {
  readonly devices: KnownDevices;
  readonly changes: DesiredChanges;
}): JobKind<DefaultsJobParams> => ({
  kind: DEFAULTS_JOB,
  plan: async ({ tenantId, params }, cursor) => {
    const ids = await parts.devices.page(tenantId, params.deviceTypeId, {
      limit: PAGE,
      ...(cursor === null ? {} : { after: cursor }),
    });
    await parts.changes.prepare(tenantId, ids);
    const kinds = await parts.devices.kindsOf(ids.map((deviceId) => ({ tenantId, deviceId })));
    const items = kinds.flatMap((kind) =>
      kind?.deviceTypeId === params.deviceTypeId &&
      (params.appVersion === undefined || params.appVersion === kind.appVersion)
        ? [kind.deviceId]
        : [],
    );
    return { items, next: ids.length < PAGE ? null : (ids.at(-1) ?? null) };
  },
  run: async (tx, { tenantId, params }, items) => {
    const source = { kind: 'default', id: params.appVersion ?? params.deviceTypeId } as const;
    const outcomes = await parts.changes.applyDefaults(
      tx,
      tenantId,
      items.map((deviceId) => ({ deviceId, source })),
    );
    return outcomes.map(({ error }) =>
      // Deleted since the plan: nothing is left to do.
      error === undefined || error.code === 'device-not-found'
        ? {}
        : { code: error.code, detail: error.detail },
    );
  },
});
