import { createHash } from 'node:crypto';
import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, newId, type Done } from '@muster/contracts';
import { getDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import {
  checkHub,
  createHub,
  deleteHub,
  editHub,
  getHub,
  listHubs,
  type CreateHub,
  type DeleteHub,
  type EditHub,
  type HubCheck,
  type HubPage,
  type HubRef,
  type HubView,
  type ListHubs,
} from '@muster/contracts/iothub-adapter/hubs.requests';
import { idempotently, type Database, type EventStore } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, decodeCursor, EVENT_STORE, pageBy, refuseNulls, TEXT } from '@muster/service-host';
import { IdentityLedger } from '../identity/identity-ledger.js';
import { MAX_HUBS } from '../providers.js';
import { readConnectionString, type PolicyAccess } from './connection-string.js';
import { HubKeys } from './hub-keys.js';
import { hub as hubAggregate } from './hub.decider.js';
import type { HubSettings } from './hub.events.js';
import { countHubs, findHub, listHubsByName, type StoredHub } from './hubs.projection.js';
import { inspectHub } from './inspect-hub.js';

const FINGERPRINT_DIGITS = 16;

@Controller()
export class HubHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Pick<Bus, 'request'>,
    @Inject(HubKeys) private readonly keys: HubKeys,
    @Inject(IdentityLedger) private readonly ledger: IdentityLedger,
    @Inject(MAX_HUBS) private readonly maxHubs: number,
  ) {}

  @Handles(createHub)
  async create(request: CreateHub): Promise<HubView> {
    const { tenantId, actor, idempotencyKey, hub } = request;
    this.keys.required();
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: createHub.subject, request },
      prepare: async () => {
        const { key, ...access } = readConnectionString(hub.connectionString, 'hub.connectionString');
        const settings: HubSettings = {
          name: hub.name,
          ...access,
          keyFingerprint: fingerprintOf(key),
          consumerGroup: hub.consumerGroup ?? '$Default',
          tier: hub.tier ?? 'S1',
          units: hub.units ?? 1,
          deviceTypes: await this.idsOf(tenantId, hub.deviceTypes ?? []),
        };
        await assertUsable({ ...access, key }, 'hub');
        return { settings, key };
      },
      run: async (tx, { settings, key }) => {
        const id = newId();
        await this.store.execute(hubAggregate, {
          tenantId,
          id,
          metadata: { actor },
          within: tx,
          command: { type: 'AddHub', settings, at: new Date().toISOString() },
        });
        if ((await countHubs(tx, tenantId)) > this.maxHubs) {
          throw new AppError('iot-hub-unusable', `There are ${this.maxHubs} IoT Hubs; remove one first.`);
        }
        await this.keys.keep(tx, tenantId, id, key);
        return viewOf(await findHub(tx, tenantId, id));
      },
    });
  }

  @Handles(listHubs)
  async list({ tenantId, limit: wanted, cursor, count }: ListHubs): Promise<HubPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after] = decodeCursor('iot-hubs', cursor, [TEXT]) ?? [];
    const found = await listHubsByName(this.database, tenantId, after, limit + 1);
    const page = pageBy('iot-hubs', found, limit, ({ name }) => [name]);
    return {
      ...page,
      items: page.items.map(viewOf),
      ...(count === true ? { total: await countHubs(this.database, tenantId) } : {}),
    };
  }

  @Handles(getHub)
  async get({ tenantId, hubId }: HubRef): Promise<HubView> {
    return viewOf(await findHub(this.database, tenantId, hubId));
  }

  @Handles(checkHub)
  async check({ tenantId, hubId }: HubRef): Promise<HubCheck> {
    const stored = await findHub(this.database, tenantId, hubId);
    return inspectHub(await this.keys.accessTo(this.database, stored));
  }

  @Handles(editHub)
  async edit({ tenantId, actor, expectedVersion, hubId, edit }: EditHub): Promise<HubView> {
    refuseNulls('edit', edit, ['name', 'connectionString', 'consumerGroup', 'deviceTypes', 'tier', 'units']);
    const { connectionString, deviceTypes, ...rest } = edit;
    const before = await findHub(this.database, tenantId, hubId);
    const given = connectionString && readConnectionString(connectionString, 'edit.connectionString');
    if (given && given.hostName !== before.hostName) throw otherHost(before.hostName);
    const settings: Partial<HubSettings> = {
      ...rest,
      ...(given ? { policy: given.policy, keyFingerprint: fingerprintOf(given.key) } : {}),
      ...(deviceTypes === undefined ? {} : { deviceTypes: await this.idsOf(tenantId, deviceTypes) }),
    };
    if (given) await assertUsable(given, 'edit');
    return this.database.transaction(async (tx) => {
      await this.store.execute(hubAggregate, {
        tenantId,
        id: hubId,
        metadata: { actor },
        expectedVersion,
        within: tx,
        command: { type: 'ChangeHub', settings, at: new Date().toISOString() },
      });
      if (given) await this.keys.keep(tx, tenantId, hubId, given.key);
      return viewOf(await findHub(tx, tenantId, hubId));
    });
  }

  @Handles(deleteHub)
  async delete({ tenantId, actor, hubId }: DeleteHub): Promise<Done> {
    await this.database.transaction(async (tx) => {
      await this.store.execute(hubAggregate, {
        tenantId,
        id: hubId,
        metadata: { actor },
        within: tx,
        command: { type: 'RemoveHub', at: new Date().toISOString() },
      });
      await this.keys.forget(tx, tenantId, hubId);
      await this.ledger.forget(tx, hubId);
      for (const table of [
        'hub_budgets',
        'hub_partitions',
        'hub_links',
        'hub_seen',
        'hub_findings',
        'hub_reconciliations',
      ]) {
        await tx.query(`DELETE FROM ${table} WHERE hub_id = $1`, [hubId]);
      }
    });
    return {};
  }

  /** Throws `device-type-not-found`. */
  private idsOf(tenantId: string, deviceTypes: readonly string[]): Promise<string[]> {
    return Promise.all(
      deviceTypes.map(async (deviceType) => {
        const { id } = await this.bus.request(getDeviceType, { tenantId, deviceType });
        return id;
      }),
    );
  }
}

const assertUsable = async (connection: PolicyAccess, path: string): Promise<void> => {
  const { faults } = await inspectHub(connection);
  if (faults.length === 0) return;
  const errors = faults.map(({ message }) => ({ path: `${path}.connectionString`, message }));
  throw new AppError('iot-hub-unusable', `${faults.map(({ message }) => message).join('; ')}.`, { errors });
};

const fingerprintOf = (key: string): string =>
  createHash('sha256').update(key).digest('hex').slice(0, FINGERPRINT_DIGITS);

const otherHost = (hostName: string): AppError => {
  const message = `must be of ${hostName}: another host is another IoT Hub`;
  return new AppError('invalid-request', `edit.connectionString ${message}.`, {
    errors: [{ path: 'edit.connectionString', message }],
  });
};

const viewOf = (hub: StoredHub): HubView => ({
  id: hub.id,
  name: hub.name,
  hostName: hub.hostName,
  policy: hub.policy,
  keyFingerprint: hub.keyFingerprint,
  consumerGroup: hub.consumerGroup,
  tier: hub.tier,
  units: hub.units,
  deviceTypes: [...hub.deviceTypes],
  version: hub.version,
  createdAt: hub.createdAt,
  createdBy: hub.createdBy,
});
