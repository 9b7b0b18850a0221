import { AppError, isPassing } from '@muster/contracts';
import { getDevice } from '@muster/contracts/device-registry/devices.requests';
import {
  deviceChanged,
  deviceDeleted,
  deviceProvisioned,
  type DeviceChanged,
  type DeviceDeleted,
  type DeviceProvisioned,
} from '@muster/contracts/device-registry/published';
import { FEW, type Database, type Queryable } from '@muster/event-store';
import { isEvent, type Bus, type Delivered } from '@muster/messaging';
import type pg from 'pg';
import {
  changeIn,
  factsIn,
  type DeviceChange,
  type DeviceFacts,
  type DeviceId,
  type DeviceKind,
  type Fact,
  type Facts,
} from './device-facts.js';

/** Anything else is no id of ours, and may not even be text that PostgreSQL takes. */
const DEVICE_ID = /^[A-Za-z0-9_-]{1,64}$/;
const QUESTIONS_AT_ONCE = 32;

type Row = { readonly tenant_id: string; readonly device_id: string; readonly deleted: boolean } & {
  readonly [One in Fact]: Facts[One] | null;
};

const KIND = ['deviceTypeId', 'appVersion', 'interface'] as const;

/**
 * Which devices exist and what they are, from the registry's events, in any order and any number of times: a deleted device
 * stays deleted, the newest of each fact stays. It may lag behind the registry. What it does not know it asks for there, so a
 * device created a moment ago is found; one deleted a moment ago may still pass, and is stopped by the end of its stream, or
 * by `hold`.
 */
export class KnownDevices {
  constructor(
    private readonly database: Database,
    private readonly bus: Bus,
  ) {}

  /** Throws `device-not-found`, or what kept the registry from answering. */
  async assertKnown(device: DeviceId): Promise<void> {
    await this.get(device, []);
  }

  /** Throws as `assertKnown` does. */
  async get<One extends Fact>(device: DeviceId, facts: readonly One[]): Promise<DeviceId & Pick<Facts, One>> {
    const [found] = await this.find([device], facts);
    if (found === undefined || found instanceof AppError) throw found ?? notFound();
    return found;
  }

  /** One per device: these facts of it, or the error to answer with. The registry is asked for what is missing. */
  async find<One extends Fact>(
    devices: readonly DeviceId[],
    facts: readonly One[],
  ): Promise<(AppError | (DeviceId & Pick<Facts, One>))[]> {
    const stored = await this.load(this.database, devices);
    const missing = devices.filter((device) => {
      const row = stored.get(keyOf(device));
      return row === undefined || (!row.deleted && knownOf(row, facts) === undefined);
    });
    const asked = await this.askFor(missing);
    // Read again: what was stored meanwhile may be newer than the answer.
    const learned = await this.load(this.database, missing);
    return devices.map((device) => {
      if (!isPossible(device)) return notFound();
      const row = learned.get(keyOf(device)) ?? stored.get(keyOf(device));
      if (row?.deleted === true) return notFound();
      const known = row === undefined ? undefined : knownOf(row, facts);
      return known ?? asked.get(keyOf(device)) ?? notFound();
    });
  }

  /** What the registry says now; nothing of it is remembered. Throws `device-not-found`, or what kept it from answering. */
  async askAgain(device: DeviceId): Promise<DeviceFacts> {
    const answer = isPossible(device) ? await this.ask(device, undefined) : notFound();
    if (answer instanceof AppError) throw answer;
    return answer;
  }

  /** One per device: undefined, or the error to answer with. */
  async faultsOf(devices: readonly DeviceId[]): Promise<(AppError | undefined)[]> {
    return faultsIn(await this.find(devices, []));
  }

  /**
   * Makes sure that `kindsOf` finds these devices: the registry is asked for what is missing. One per device: undefined, or
   * the error to answer with.
   */
  async learnKinds(devices: readonly DeviceId[]): Promise<(AppError | undefined)[]> {
    return faultsIn(await this.find(devices, KIND));
  }

  /** One per device, as stored; undefined: deleted, or not known well enough. Asks nobody. */
  async kindsOf(
    devices: readonly DeviceId[],
    queryable: Queryable = this.database,
  ): Promise<(DeviceKind | undefined)[]> {
    const stored = await this.load(queryable, devices);
    return devices.map((device) => {
      const row = stored.get(keyOf(device));
      return row === undefined || row.deleted ? undefined : knownOf(row, KIND);
    });
  }

  /**
   * Ids of the devices of a type that are not deleted, ascending, at most `limit`. Devices whose type is not known yet are
   * among them: `learnKinds` tells.
   */
  async page(
    tenantId: string,
    deviceTypeId: string,
    { after = '', limit }: { readonly after?: string; readonly limit: number },
  ): Promise<string[]> {
    const { rows } = await this.database.query<{ device_id: string }>(
      `SELECT device_id FROM known_devices
       WHERE tenant_id = $1 AND device_id > $3 AND NOT deleted
         AND (device_type_id = $2 OR device_type_id IS NULL)
       ORDER BY device_id LIMIT $4`,
      [tenantId, deviceTypeId, after, limit],
    );
    return rows.map((row) => row.device_id);
  }

  /**
   * Keeps a device that was asserted from being marked deleted until the transaction of `tx` ends; throws
   * `device-not-found` when it was meanwhile. For services with several streams per device: whoever ends them after
   * `markDeleted` then finds every one. Without it, a stream begun at that moment would outlive its device.
   */
  async hold(tx: pg.PoolClient, { tenantId, deviceId }: DeviceId): Promise<void> {
    const { rows } = await tx.query<{ deleted: boolean }>({
      name: 'hold-known-device',
      text: 'SELECT deleted FROM known_devices WHERE tenant_id = $1 AND device_id = $2 FOR SHARE',
      values: [tenantId, deviceId],
    });
    if (rows[0]?.deleted !== false) throw notFound();
  }

  /** The same for many at once: one per device, undefined or the error to answer with. Their rows are locked in one order. */
  async holdMany(tx: pg.PoolClient, devices: readonly DeviceId[]): Promise<(AppError | undefined)[]> {
    const { rows } = await tx.query<{ tenant_id: string; device_id: string }>({
      text: `SELECT tenant_id, device_id FROM known_devices
             WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[])) AND NOT deleted
             ORDER BY tenant_id, device_id FOR SHARE`,
      values: columns(devices),
    });
    const held = new Set(rows.map((row) => keyOf({ tenantId: row.tenant_id, deviceId: row.device_id })));
    return devices.map((device) => (held.has(keyOf(device)) ? undefined : notFound()));
  }

  /** All that these events say. For a service that must know it in a transaction of its own the parts are below. */
  async follow(
    events: readonly Delivered<DeviceProvisioned | DeviceChanged | DeviceDeleted>[],
  ): Promise<void> {
    const provisioned = events.filter((event) => isEvent(event, deviceProvisioned)).map(factsIn);
    const changed = events.filter((event) => isEvent(event, deviceChanged)).flatMap(changeIn);
    await this.remember([...provisioned, ...changed]);
    const deleted = events.filter((event) => isEvent(event, deviceDeleted));
    await this.markDeleted(deleted.map(({ tenantId, data }) => ({ tenantId, deviceId: data.deviceId })));
  }

  async remember(changes: readonly DeviceChange[], queryable: Queryable = this.database): Promise<void> {
    if (changes.length === 0) return;
    const rows = newestOf(changes);
    await queryable.query({
      text: REMEMBER,
      values: [
        ...columns(rows),
        rows.map((row) => row.deviceTypeId),
        ...CHANGING.flatMap((fact) => [
          rows.map(({ [fact]: told }) =>
            fact === 'tags' ? JSON.stringify(told?.value ?? null) : told?.value,
          ),
          rows.map(({ [fact]: told }) => told?.version ?? 0),
        ]),
      ],
    });
  }

  async markDeleted(devices: readonly DeviceId[]): Promise<void> {
    if (devices.length === 0) return;
    await this.database.query(
      `INSERT INTO known_devices AS k (tenant_id, device_id, deleted)
       SELECT DISTINCT t, d, true FROM unnest($1::text[], $2::text[]) AS n (t, d) ORDER BY t, d
       ON CONFLICT (tenant_id, device_id) DO UPDATE SET deleted = true WHERE NOT k.deleted`,
      columns(devices),
    );
  }

  /** By key; devices that are not known are absent. */
  private async load(queryable: Queryable, devices: readonly DeviceId[]): Promise<Map<string, Row>> {
    const possible = devices.filter(isPossible);
    if (possible.length === 0) return new Map();
    const { rows } = await queryable.query<Row>({
      ...(possible.length <= FEW ? { name: 'load-few-devices' } : {}),
      text: `SELECT tenant_id, device_id, deleted, device_type_id AS "deviceTypeId", interface,
                    app_version AS "appVersion", name, tags, folder
             FROM known_devices
             WHERE (tenant_id, device_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
      values: columns(possible),
    });
    return new Map(rows.map((row) => [keyOf({ tenantId: row.tenant_id, deviceId: row.device_id }), row]));
  }

  /** Remembers what the registry answers; by key, why it did not. While it is away, not every device is waited for. */
  private async askFor(devices: readonly DeviceId[]): Promise<Map<string, AppError>> {
    const missing = [...new Map(devices.filter(isPossible).map((device) => [keyOf(device), device]))];
    const answers = new Map<string, DeviceFacts | AppError>();
    let away: AppError | undefined;
    for (let start = 0; start < missing.length; start += QUESTIONS_AT_ONCE) {
      const some = missing.slice(start, start + QUESTIONS_AT_ONCE);
      const given = await Promise.all(some.map(([, device]) => this.ask(device, away)));
      some.forEach(([key], index) => answers.set(key, given[index] ?? notFound()));
      away ??= given.find(isAway);
    }
    await this.remember([...answers.values()].filter(isFacts));
    return new Map(
      [...answers].flatMap(([key, answer]) => (answer instanceof AppError ? [[key, answer]] : [])),
    );
  }

  private async ask(
    { tenantId, deviceId }: DeviceId,
    away: AppError | undefined,
  ): Promise<DeviceFacts | AppError> {
    if (away !== undefined) return away;
    try {
      return { tenantId, deviceId, ...(await this.bus.request(getDevice, { tenantId, deviceId })) };
    } catch (error) {
      if (error instanceof AppError) return error.code === 'device-not-found' ? notFound() : error;
      throw error;
    }
  }
}

const isFacts = (answer: DeviceFacts | AppError): answer is DeviceFacts => !(answer instanceof AppError);

const isAway = (answer: DeviceFacts | AppError): answer is AppError =>
  answer instanceof AppError && isPassing(answer);

/** undefined: one of these facts is not known. */
const knownOf = <One extends Fact>(
  row: Row,
  facts: readonly One[],
): (DeviceId & Pick<Facts, One>) | undefined => {
  if (facts.some((fact) => row[fact] === null)) return undefined;
  const known = Object.fromEntries(facts.map((fact) => [fact, row[fact]])) as Pick<Facts, One>; // none is null
  return { tenantId: row.tenant_id, deviceId: row.device_id, ...known };
};

const faultsIn = (found: readonly (AppError | DeviceId)[]): (AppError | undefined)[] =>
  found.map((one) => (one instanceof AppError ? one : undefined));

const CHANGING = ['appVersion', 'name', 'tags', 'folder', 'interface'] as const;

interface Told<Value> {
  readonly value: Value;
  readonly version: number;
}

type Newest = DeviceId & { deviceTypeId?: string } & {
  [One in (typeof CHANGING)[number]]?: Told<Facts[One]>;
};

/** One per device, as one statement cannot touch a row twice: of each fact what the newest change says. */
const newestOf = (changes: readonly DeviceChange[]): readonly Newest[] => {
  const rows = new Map<string, Newest>();
  for (const { version, ...change } of changes.toSorted((a, b) => a.version - b.version)) {
    const { tenantId, deviceId } = change;
    const told = Object.fromEntries(
      CHANGING.flatMap((fact) => {
        const value = change[fact];
        return value === undefined ? [] : [[fact, { value, version }]];
      }),
    );
    const row = rows.get(keyOf(change)) ?? { tenantId, deviceId };
    const { deviceTypeId = row.deviceTypeId } = change;
    rows.set(keyOf(change), { ...row, ...told, deviceTypeId });
  }
  return [...rows.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
};

/** Each fact by its own version: a change of the name that comes late must not undo, nor be lost to, one of the tags. */
const REMEMBER = `
  INSERT INTO known_devices AS k (tenant_id, device_id, deleted, device_type_id, app_version, version,
                                  name, name_version, tags, tags_version, folder, folder_version,
                                  interface, interface_version)
  SELECT n.t, n.d, false, n.type, n.app, n.app_v, n.name, n.name_v,
         CASE WHEN n.tags_v > 0 THEN ARRAY(SELECT jsonb_array_elements_text(n.tags::jsonb)) END, n.tags_v,
         n.folder, n.folder_v, n.interface, n.interface_v
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::integer[], $8::text[],
              $9::integer[], $10::text[], $11::integer[], $12::text[], $13::integer[])
    AS n (t, d, type, app, app_v, name, name_v, tags, tags_v, folder, folder_v, interface, interface_v)
  ORDER BY n.t, n.d
  ON CONFLICT (tenant_id, device_id) DO UPDATE SET
    device_type_id = coalesce(k.device_type_id, excluded.device_type_id),
    app_version = CASE WHEN excluded.version > k.version THEN excluded.app_version ELSE k.app_version END,
    version = greatest(k.version, excluded.version),
    name = CASE WHEN excluded.name_version > k.name_version THEN excluded.name ELSE k.name END,
    name_version = greatest(k.name_version, excluded.name_version),
    tags = CASE WHEN excluded.tags_version > k.tags_version THEN excluded.tags ELSE k.tags END,
    tags_version = greatest(k.tags_version, excluded.tags_version),
    folder = CASE WHEN excluded.folder_version > k.folder_version THEN excluded.folder ELSE k.folder END,
    folder_version = greatest(k.folder_version, excluded.folder_version),
    interface = CASE WHEN excluded.interface_version > k.interface_version THEN excluded.interface ELSE k.interface END,
    interface_version = greatest(k.interface_version, excluded.interface_version)
  WHERE NOT k.deleted AND (
    (k.device_type_id IS NULL AND excluded.device_type_id IS NOT NULL)
    OR excluded.interface_version > k.interface_version OR excluded.version > k.version OR excluded.name_version > k.name_version
    OR excluded.tags_version > k.tags_version OR excluded.folder_version > k.folder_version)`;

const isPossible = ({ tenantId, deviceId }: DeviceId): boolean =>
  DEVICE_ID.test(tenantId) && DEVICE_ID.test(deviceId);

const notFound = (): AppError => new AppError('device-not-found', 'No such device.');

const keyOf = ({ tenantId, deviceId }: DeviceId): string => `${tenantId}\n${deviceId}`;

const columns = (devices: readonly DeviceId[]): [string[], string[]] => [
  devices.map(({ tenantId }) => tenantId),
  devices.map(({ deviceId }) => deviceId),
];
