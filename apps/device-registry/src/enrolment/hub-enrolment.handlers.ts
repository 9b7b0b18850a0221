import { Controller, Inject } from '@nestjs/common';
import { AppError, newId, wrongToken, type Actor } from '@muster/contracts';
import {
  enrolHubDevice,
  type EnrolHubDevice,
  type HubDeviceEnrolled,
} from '@muster/contracts/device-registry/hub-enrolment.requests';
import { wrongHubDeviceId } from '@muster/contracts/iothub-adapter/hub-device-id';
import { wrongName } from '@muster/contracts/names';
import type { Database, EventStore } from '@muster/event-store';
import { Handles } from '@muster/messaging';
import { DATABASE, EVENT_STORE } from '@muster/service-host';
import type pg from 'pg';
import { planCredential, type PlannedCredential } from '../credential/credential-plan.js';
import { device } from '../device/device.decider.js';
import { provisionWithin, typeFor } from '../device/provision-within.js';
import { RULES, type Rules } from '../providers.js';
import { asRefusal, refused, statusIn } from './enrolments.js';

/**
 * Devices that an IoT Hub has already: made by its rule, or adopted by an operator. Under the lock of the hub's row, as those
 * that an authority vouches for are under that of its stream: so many who tell of one identity at once find one device, and a
 * limit holds.
 */
@Controller()
export class HubEnrolmentHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(RULES) private readonly rules: Rules,
  ) {}

  @Handles(enrolHubDevice)
  async enrol(wanted: EnrolHubDevice): Promise<HubDeviceEnrolled> {
    const deviceId = newId();
    const planned = await credentialsOf(wanted, deviceId);
    return this.database.transaction(async (tx) => {
      const enrolled = await lockHub(tx, wanted);
      const known = await deviceWith(tx, wanted);
      if (known !== undefined) return { deviceId: known, isNew: false, enrolled };
      if (wanted.byRule && wanted.limit != null && enrolled >= wanted.limit) {
        throw new AppError(
          'enrolment-limit-reached',
          `The IoT Hub's rule allows ${wanted.limit} devices, and as many have enrolled.`,
        );
      }
      await this.makeWithin(tx, wanted, deviceId, planned);
      if (!wanted.byRule) return { deviceId, isNew: true, enrolled };
      await tx.query('UPDATE iot_hubs SET enrolled = enrolled + 1 WHERE tenant_id = $1 AND hub_id = $2', [
        wanted.tenantId,
        wanted.hubId,
      ]);
      return { deviceId, isNew: true, enrolled: enrolled + 1 };
    });
  }

  private async makeWithin(
    tx: pg.PoolClient,
    { tenantId, hubId, hubDeviceId, device: wanted, byRule, actor: asker }: EnrolHubDevice,
    deviceId: string,
    [first, ...more]: readonly PlannedCredential[],
  ): Promise<void> {
    const wrong = wrongName(hubDeviceId, 128) ?? wrongToken(hubDeviceId) ?? wrongHubDeviceId(hubDeviceId);
    if (wrong !== undefined)
      throw refused(`its id in the IoT Hub cannot be its name and endpoint token: it ${wrong}`);
    const actor: Actor = byRule ? { kind: 'device', id: deviceId } : asker;
    const type = await asRefusal(() => typeFor(tx, tenantId, wanted.deviceType));
    await asRefusal(() =>
      provisionWithin(tx, this.store, {
        tenantId,
        actor,
        deviceId,
        type,
        rules: this.rules,
        device: {
          name: hubDeviceId,
          ...(wanted.appVersion == null ? {} : { appVersion: wanted.appVersion }),
          interface: 'iothub',
          folder: wanted.folder ?? '/',
          tags: [...(wanted.tags ?? [])],
        },
        token: hubDeviceId,
        planned: first,
        ...(byRule ? { status: statusIn(type), enrolledBy: { kind: 'iot-hub', id: hubId } } : {}),
      }),
    );
    for (const { next } of more) {
      await this.store.execute(device, {
        tenantId,
        id: deviceId,
        metadata: { actor },
        within: tx,
        command: { type: 'IssueCredential', ...next, at: new Date().toISOString() },
      });
    }
  }
}

/** How many have enrolled. Throws `unavailable` for a hub that is not heard of yet. */
const lockHub = async (
  tx: pg.PoolClient,
  { tenantId, hubId }: Pick<EnrolHubDevice, 'tenantId' | 'hubId'>,
): Promise<number> => {
  const { rows } = await tx.query<{ enrolled: number }>(
    `SELECT enrolled FROM iot_hubs WHERE tenant_id = $1 AND hub_id = $2 AND device_types IS NOT NULL FOR UPDATE`,
    [tenantId, hubId],
  );
  if (rows[0] === undefined) throw new AppError('unavailable', 'The IoT Hub is not known here yet.');
  return rows[0].enrolled;
};

/** The device of the tenant that has this token. Throws `enrolment-refused` where it is not free. */
const deviceWith = async (
  tx: pg.PoolClient,
  { tenantId, hubDeviceId }: Pick<EnrolHubDevice, 'tenantId' | 'hubDeviceId'>,
): Promise<string | undefined> => {
  const { rows } = await tx.query<{
    tenant_id: string;
    device_id: string;
    interface: string;
    opens: boolean;
  }>(
    `SELECT e.tenant_id, e.device_id, d.interface, t.status IS DISTINCT FROM 'revoked' AND t.id IS NOT NULL AS opens
     FROM endpoint_tokens e
     LEFT JOIN devices d ON d.tenant_id = e.tenant_id AND d.id = e.device_id
     LEFT JOIN device_tokens t ON t.tenant_id = e.tenant_id AND t.id = e.id
     WHERE e.token = $1`,
    [hubDeviceId],
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  // Of another tenant no more is told than that it is taken.
  if (row.tenant_id !== tenantId) throw refused('its id in the IoT Hub is taken as an endpoint token');
  if (!row.opens)
    throw refused('its id in the IoT Hub is an endpoint token that was revoked or removed here');
  if (row.interface !== 'iothub')
    throw refused(`its id in the IoT Hub is the endpoint token of a device of interface ${row.interface}`);
  return row.device_id;
};

const credentialsOf = (
  { hubDeviceId, credential, sha256 }: EnrolHubDevice,
  deviceId: string,
): Promise<PlannedCredential[]> => {
  const made = () => ({ credentialId: newId(), deviceId, at: new Date().toISOString() });
  switch (credential) {
    case 'token':
      return Promise.resolve([]);
    case 'ca-signed':
      return Promise.all([planCredential('credential', { kind: 'ca-signed', subject: hubDeviceId }, made())]);
    case 'self-signed':
      if (sha256.length === 0)
        return Promise.reject(refused('none of its certificates is known by its SHA-256, only by SHA-1'));
      return Promise.all(
        sha256.map((one) => planCredential('credential', { kind: 'self-signed', sha256: one }, made())),
      );
  }
};
