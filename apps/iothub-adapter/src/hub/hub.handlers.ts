import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, isPassing, newId, type Done } from '@muster/contracts';
import { getDeviceType } from '@muster/contracts/device-registry/device-types.requests';
import { learnHub } from '@muster/contracts/device-registry/iot-hubs.requests';
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
  type HubEnrolment as EnrolmentInput,
  type HubHealth,
  type HubPage,
  type HubRef,
  type HubRoute,
  type HubView,
  type ListHubs,
} from '@muster/contracts/iothub-adapter/hubs.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { Handles, type Bus } from '@muster/messaging';
import type { Logger } from '@muster/observability';
import { BUS, DATABASE, decodeCursor, EVENT_STORE, LOGGER, pageBy, TEXT } from '@muster/service-host';
import { IdentityLedger } from '../identity/identity-ledger.js';
import { MAX_HUBS } from '../providers.js';
import { enrolledIn } from '../reconcile/hub-enrolments.js';
import { Findings } from '../reconcile/findings.js';
import { readConnectionString, type PolicyAccess } from './connection-string.js';
import { HubHealths } from './hub-health.js';
import { HubKeys } from './hub-keys.js';
import { HubRoutes } from './hub-routes.js';
import { forgetHub } from './hub-tables.js';
import { hub as hubAggregate } from './hub.decider.js';
import type { HubEnrolment, HubSettings } from './hub.events.js';
import { countHubs, findHub, listHubsByName, type StoredHub } from './hubs.projection.js';
import { inspectHub } from './inspect-hub.js';

const FINGERPRINT_DIGITS = 16;
/** How long a check waits for the hub to tell of it. */
const COME_BACK_MS = 15_000;
const LOOK_EVERY_MS = 100;
const TELL_MS = 2_000;

const asInput = ({ tags, authentication, ...rule }: HubEnrolment | EnrolmentInput): EnrolmentInput => ({
  ...rule,
  ...(tags === undefined ? {} : { tags: [...tags] }),
  ...(authentication === undefined ? {} : { authentication: [...authentication] }),
});

@Controller()
export class HubHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Pick<Bus, 'request'>,
    @Inject(HubKeys) private readonly keys: HubKeys,
    @Inject(IdentityLedger) private readonly ledger: IdentityLedger,
    @Inject(Findings) private readonly findings: Findings,
    @Inject(HubRoutes) private readonly routes: HubRoutes,
    @Inject(HubHealths) private readonly healths: HubHealths,
    @Inject(MAX_HUBS) private readonly maxHubs: number,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  @Handles(createHub)
  async create(request: CreateHub): Promise<HubView> {
    const { tenantId, actor, idempotencyKey, hub } = request;
    this.keys.required();
    const view = await idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: createHub.subject, request },
      prepare: async () => {
        const { key, ...access } = readConnectionString(hub.connectionString, 'hub.connectionString');
        const deviceTypes = await this.idsOf(tenantId, hub.deviceTypes ?? []);
        const settings: HubSettings = {
          name: hub.name,
          ...access,
          keyFingerprint: fingerprintOf(key),
          consumerGroup: hub.consumerGroup ?? '$Default',
          tier: hub.tier ?? 'S1',
          units: hub.units ?? 1,
          deviceTypes,
          ...(hub.enrolment == null
            ? {}
            : { enrolment: await this.enrolmentOf(tenantId, hub.enrolment, deviceTypes, 'hub') }),
        };
        const probeId = await assertUsable({ ...access, key }, 'hub');
        return { settings, key, probeId };
      },
      run: async (tx, { settings, key, probeId }) => {
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
        await this.routes.probed(tx, id, probeId);
        return this.viewOf(tx, await findHub(tx, tenantId, id));
      },
    });
    await this.tell(tenantId, view);
    return view;
  }

  @Handles(listHubs)
  async list({ tenantId, limit: wanted, cursor, count }: ListHubs): Promise<HubPage> {
    const limit = wanted ?? DEFAULT_PAGE;
    const [after] = decodeCursor('iot-hubs', cursor, [TEXT]) ?? [];
    const found = await listHubsByName(this.database, tenantId, after, limit + 1);
    const page = pageBy('iot-hubs', found, limit, ({ name }) => [name]);
    const healths = await this.healths.of(page.items);
    const views = await Promise.all(page.items.map((one) => this.viewOf(this.database, one)));
    return {
      ...page,
      items: views.map((view, nth) => withHealth(view, healths[nth])),
      ...(count === true ? { total: await countHubs(this.database, tenantId) } : {}),
    };
  }

  @Handles(getHub)
  async get({ tenantId, hubId }: HubRef): Promise<HubView> {
    const stored = await findHub(this.database, tenantId, hubId);
    const [health] = await this.healths.of([stored]);
    const view = await this.viewOf(this.database, stored);
    return { ...withHealth(view, health), routes: await this.routes.of(hubId) };
  }

  @Handles(checkHub)
  async check({ tenantId, hubId }: HubRef): Promise<HubCheck> {
    const stored = await findHub(this.database, tenantId, hubId);
    const { probeId, ...found } = await inspectHub(await this.keys.accessTo(this.database, stored));
    if (!found.works) return found;
    await this.routes.probed(this.database, hubId, probeId);
    const routes = await this.comeBack(hubId);
    const missing = routes
      .filter(({ state }) => state === 'missing' || state === 'checking')
      .map(({ message }) => ({ about: 'route', message }));
    return { ...found, works: missing.length === 0, faults: missing, routes };
  }

  /** Once the hub has told of the check by all routes that can, or its time is over. */
  private async comeBack(hubId: string): Promise<HubRoute[]> {
    for (const until = Date.now() + COME_BACK_MS; ;) {
      const routes = await this.routes.of(hubId);
      if (!routes.some(({ state }) => state === 'checking') || Date.now() >= until) return routes;
      await sleep(LOOK_EVERY_MS);
    }
  }

  private async viewOf(from: Queryable, hub: StoredHub): Promise<HubView> {
    const { enrolment } = hub;
    if (enrolment == null) return viewOf(hub);
    const enrolled = await enrolledIn(from, hub.id);
    const { tags, authentication, ...rule } = enrolment;
    return {
      ...viewOf(hub),
      enrolment: {
        ...rule,
        ...(tags === undefined ? {} : { tags: [...tags] }),
        authentication: [...authentication],
        enrolled,
      },
    };
  }

  /** Throws `invalid-request` where its devices would be in another hub, `device-type-not-found`. */
  private async enrolmentOf(
    tenantId: string,
    { enabled, deviceType, appVersion, folder, tags, limit, authentication }: EnrolmentInput,
    deviceTypes: readonly string[],
    path: string,
  ): Promise<HubEnrolment> {
    const [id = ''] = await this.idsOf(tenantId, [deviceType]);
    if (deviceTypes.length > 0 && !deviceTypes.includes(id)) {
      const message = 'must be one of the deviceTypes of the IoT Hub: its devices would be in another';
      const at = `${path}.enrolment.deviceType`;
      throw new AppError('invalid-request', `${at} ${message}.`, { errors: [{ path: at, message }] });
    }
    return {
      enabled,
      deviceType: id,
      ...(appVersion == null ? {} : { appVersion }),
      ...(folder == null ? {} : { folder }),
      ...(tags == null ? {} : { tags }),
      ...(limit == null ? {} : { limit }),
      authentication: authentication ?? ['certificateAuthority', 'selfSigned'],
    };
  }

  @Handles(editHub)
  async edit({ tenantId, actor, expectedVersion, hubId, edit }: EditHub): Promise<HubView> {
    const { connectionString, deviceTypes, enrolment, ...rest } = edit;
    const before = await findHub(this.database, tenantId, hubId);
    const given = connectionString && readConnectionString(connectionString, 'edit.connectionString');
    if (given && given.hostName !== before.hostName) throw otherHost(before.hostName);
    const typeIds = deviceTypes === undefined ? undefined : await this.idsOf(tenantId, deviceTypes);
    const rule = enrolment === undefined ? before.enrolment : enrolment;
    const settings: Partial<HubSettings> = {
      ...rest,
      ...(given ? { policy: given.policy, keyFingerprint: fingerprintOf(given.key) } : {}),
      ...(typeIds === undefined ? {} : { deviceTypes: typeIds }),
      // Also one that stays must be of a type that stays.
      ...(rule == null
        ? before.enrolment == null
          ? {}
          : { enrolment: null }
        : {
            enrolment: await this.enrolmentOf(tenantId, asInput(rule), typeIds ?? before.deviceTypes, 'edit'),
          }),
    };
    const probeId = given ? await assertUsable(given, 'edit') : undefined;
    const view = await this.database.transaction(async (tx) => {
      await this.store.execute(hubAggregate, {
        tenantId,
        id: hubId,
        metadata: { actor },
        expectedVersion,
        within: tx,
        command: { type: 'ChangeHub', settings, at: new Date().toISOString() },
      });
      if (given) await this.keys.keep(tx, tenantId, hubId, given.key);
      if (probeId !== undefined) await this.routes.probed(tx, hubId, probeId);
      // A rule that has changed is held against those who wait, too: nobody makes them in the hub a second time.
      if (enrolment !== undefined) await this.findings.tryAgain(tx, hubId);
      return this.viewOf(tx, await findHub(tx, tenantId, hubId));
    });
    await this.tell(tenantId, view);
    return view;
  }

  @Handles(deleteHub)
  async delete({ tenantId, actor, hubId }: DeleteHub): Promise<Done> {
    const { version } = await this.database.transaction(async (tx) => {
      const removed = await this.store.execute(hubAggregate, {
        tenantId,
        id: hubId,
        metadata: { actor },
        within: tx,
        command: { type: 'RemoveHub', at: new Date().toISOString() },
      });
      await this.keys.forget(tx, tenantId, hubId);
      await this.ledger.forget(tx, hubId);
      await forgetHub(tx, hubId);
      return removed;
    });
    await this.tell(tenantId, { id: hubId, version });
    return {};
  }

  /**
   * So that a device that is made after this answer is refused or taken in by what was answered. While device-registry is away
   * it makes no devices, and learns it by the hub's event afterwards.
   */
  private async tell(
    tenantId: string,
    { id: hubId, version, deviceTypes }: Pick<HubView, 'id' | 'version'> & { deviceTypes?: string[] },
  ): Promise<void> {
    const told = { tenantId, hubId, version, ...(deviceTypes === undefined ? {} : { deviceTypes }) };
    try {
      await this.bus.request(learnHub, told, { timeoutMs: TELL_MS });
    } catch (error) {
      // What was asked for is done, and told by the event besides: the answer is not that it failed.
      if (!isPassing(error))
        this.logger.error({ err: error, hubId }, 'device-registry could not be told of an IoT Hub at once');
    }
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

/** Returns the identity that it was tried out with. */
const assertUsable = async (connection: PolicyAccess, path: string): Promise<string> => {
  const { faults, probeId } = await inspectHub(connection);
  if (faults.length === 0) return probeId;
  const errors = faults.map(({ message }) => ({ path: `${path}.connectionString`, message }));
  throw new AppError('iot-hub-unusable', `${faults.map(({ message }) => message).join('; ')}.`, { errors });
};

const withHealth = (view: HubView, health: HubHealth | undefined): HubView =>
  health === undefined ? view : { ...view, health };

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
