import { AppError, newId, tokenHint, type Actor } from '@muster/contracts';
import type { DeviceTypeView } from '@muster/contracts/device-registry/device-types.requests';
import type { EventStore, Queryable } from '@muster/event-store';
import type pg from 'pg';
import type { PlannedCredential } from '../credential/credential-plan.js';
import { keepSecret } from '../credential/keep-secret.js';
import { findDeviceType } from '../device-type/device-type-list.projection.js';
import { holdFolders } from '../folder/folder-tree.js';
import { assertInHub, hubsOf } from '../iot-hub/known-hubs.js';
import type { Rules } from '../providers.js';
import { keepTokenText } from '../token/token-text.js';
import { device } from './device.decider.js';
import type { EnrolledBy } from './device.events.js';
import { provisionCommand, type NewDevice } from './provision-command.js';

/** A device that is to be made, whoever wants it. */
export interface WantedDevice {
  readonly tenantId: string;
  readonly actor: Actor;
  readonly deviceId: string;
  readonly type: DeviceTypeView;
  readonly device: NewDevice;
  readonly rules: Rules;
  /** Its endpoint token. */
  readonly token: string;
  /** Undefined: the token is enough. */
  readonly planned: PlannedCredential | undefined;
  readonly status?: 'pending' | undefined;
  readonly enrolledBy?: EnrolledBy | undefined;
}

/** By id or name. Throws `device-type-not-found`. */
export const typeFor = async (
  from: Queryable,
  tenantId: string,
  idOrName: string,
): Promise<DeviceTypeView> => {
  const type = await findDeviceType(from, tenantId, idOrName);
  if (type === undefined) throw new AppError('device-type-not-found', 'There is no such device type.');
  return type;
};

/**
 * Makes it: its events, and what is kept of its token and its credential. Throws what the decider and the tables do. Returns
 * the name of its application version.
 */
export const provisionWithin = async (
  tx: pg.PoolClient,
  store: EventStore,
  wanted: WantedDevice,
): Promise<string> => {
  const { tenantId, actor, deviceId, type, rules, token, planned, status, enrolledBy } = wanted;
  const { interface: by = 'mqtt' } = wanted.device;
  if (by === 'iothub') assertInHub(await hubsOf(tx, tenantId), by, type.id, token);
  const tokenId = newId();
  const command = provisionCommand(type, wanted.device, rules, {
    token: { tokenId, hint: tokenHint(token) },
    credential: planned?.next ?? null,
    status,
    enrolledBy,
    at: new Date().toISOString(),
  });
  await store.execute(device, { tenantId, id: deviceId, metadata: { actor }, within: tx, command });
  await keepTokenText(tx, { tenantId, deviceId, tokenId, text: token });
  if (planned !== undefined) await keepSecret(tx, { tenantId, deviceId }, planned);
  await holdFolders(tx, store, { tenantId, actor }, [command.folder]);
  return command.appVersion;
};
